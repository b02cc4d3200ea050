/** Every word of the pretend wallet's page. */
import type { SandboxPaymentState } from "../../durable/sandbox-payment.ts";
import type { Language } from "../language.ts";

const english = {
  title: "Sandbox wallet",
  pretend: "This is a pretend wallet. No real money moves.",
  toPay: "To pay",
  pay: (amount: string) => `Pay ${amount}`,
  fail: "Let the payment fail",
  abandon: "Leave without paying",
  back: "Back to the order",
  wrong: (fields: string) => `Nothing was done. Please correct: ${fields}.`,
  states: {
    OPEN: "",
    FAILED: "The last try failed. You can try again.",
    PAID: "This payment has been made. It cannot be made twice.",
    CLOSED: "This payment was closed. It can no longer be paid.",
  } satisfies Record<SandboxPaymentState, string>,
  more: "For testing",
  fields: {
    payer: "Who pays (the wallet's id of the person)",
    name: "Name",
    phone: "Phone",
    email: "Email",
    amount: "Another amount, to pay too little or too much",
    notifications: "Copies of the notification (0: it gets lost)",
    delaySeconds: "Seconds before it is sent",
    paidAt: "Paid at (RFC 3339)",
    lateSeconds: "Seconds until the money moves, even if the payment is closed meanwhile",
    chaos: "Misbehave, by this seed (any text)",
  },
};
export type WalletWords = typeof english;

const chinese: WalletWords = {
  title: "沙箱钱包",
  pretend: "这是一个模拟钱包，不涉及真实资金。",
  toPay: "应付金额",
  pay: (amount) => `支付 ${amount}`,
  fail: "让支付失败",
  abandon: "不支付，返回",
  back: "返回订单",
  wrong: (fields) => `未执行任何操作，请更正：${fields}。`,
  states: {
    OPEN: "",
    FAILED: "上次支付失败，您可以重试。",
    PAID: "此笔款项已支付，不能重复支付。",
    CLOSED: "此笔支付已关闭，不能再支付。",
  },
  more: "测试选项",
  fields: {
    payer: "付款人（钱包内的用户编号）",
    name: "姓名",
    phone: "手机号",
    email: "邮箱",
    amount: "改付其他金额（少付或多付）",
    notifications: "通知份数（0 表示丢失）",
    delaySeconds: "延迟发送（秒）",
    paidAt: "支付时间（RFC 3339）",
    lateSeconds: "延迟扣款（秒），即使支付已关闭仍会扣款",
    chaos: "按此种子随机出错（任意文字）",
  },
};

export const walletWords: Readonly<Record<Language, WalletWords>> = { en: english, "zh-CN": chinese };
