// Offers DuckDB to the tests, which are in Go. Each line in is {"sql"}; the line
// out is {"columns", "rows"} of its last statement, or {"error"}. What was made
// before is still there. A NULL is null; what a double cannot hold exactly,
// decimals and 64-bit integers, is a string.

import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';

const connection = await (await DuckDBInstance.create(':memory:')).connect();

async function run(sql) {
  const statements = await connection.extractStatements(sql);
  let reader;
  for (let i = 0; i < statements.count; i++) {
    reader = await (await statements.prepare(i)).runAndReadAll();
  }
  return { columns: reader?.columnNames() ?? [], rows: reader?.getRowsJson() ?? [] };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await run(JSON.parse(line).sql);
  } catch (e) {
    answer = { error: String(e?.message ?? e) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
