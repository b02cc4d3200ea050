import { defineConfig } from "drizzle-kit";

// Migrations are generated from the tables, then reviewed by hand (drizzle has no WITHOUT ROWID) and never edited once released.
export default defineConfig({
  dialect: "sqlite",
  schema: "./src/db/tables.ts",
  out: "./migrations",
});
