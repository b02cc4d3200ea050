/** graphql-js alone: the part of the contract's schema that the bench asks for, over one order. A document is parsed and checked once. */
import { buildSchema, type DocumentNode, execute, parse, validate } from "graphql";

const schema = buildSchema(`
  scalar DateTime
  scalar Decimal
  scalar CurrencyCode
  scalar SafeInt
  enum OrderState { OPEN CLAIMED PAYING PAID EXPIRED CANCELLED REVIEW }
  enum PaymentState { PENDING SUCCEEDED FAILED CLOSED }
  enum PaymentProvider { SANDBOX STRIPE WECHAT_PAY ALIPAY MANUAL }
  input OrderBy @oneOf { id: ID number: String externalReference: String liveCode: String }
  type Money { amount: Decimal! currency: CurrencyCode! minorUnits: SafeInt! }
  type OrderLine { name: String! quantity: Int! unitPrice: Money! total: Money! }
  type Payment { id: ID! provider: PaymentProvider! transaction: String state: PaymentState! amount: Money! paidAt: DateTime }
  type Customer { id: ID! displayName: String tags: [String!]! }
  type Order {
    id: ID!
    number: String!
    state: OrderState!
    lines: [OrderLine!]!
    total: Money!
    received: Money!
    payments: [Payment!]!
    customer: Customer
    createdAt: DateTime!
    paidAt: DateTime
    version: Int!
  }
  type Query { order(by: OrderBy!): Order }
`);

export type Question = { query: string; variables?: Record<string, unknown> };

const documents = new Map<string, DocumentNode>();

export const answer = (order: unknown, { query, variables = {} }: Question) =>
  execute({ schema, document: documentOf(query), rootValue: { order }, variableValues: variables });

function documentOf(query: string): DocumentNode {
  const known = documents.get(query);
  if (known) return known;
  const document = parse(query);
  const [fault] = validate(schema, document);
  if (fault) throw fault;
  documents.set(query, document);
  return document;
}
