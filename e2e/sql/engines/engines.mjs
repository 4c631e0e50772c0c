// Offers SQL engines to the tests, which are in Go. Each line in is
// {"engine", "sql"}; the line out is {"columns", "rows"} of the last statement
// of it, or {"error"}. What an engine was told before, it still knows. A NULL is
// null; what a double cannot hold exactly, decimals and 64-bit integers, is a
// string.
//
// An engine is a module beside this one that exports open(), which returns a
// function from SQL to { columns, rows }.

import { createInterface } from 'node:readline';

const opened = new Map();

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { engine, sql } = JSON.parse(line);
    if (!opened.has(engine)) {
      opened.set(engine, await (await import(`./${engine}.mjs`)).open());
    }
    answer = await opened.get(engine)(sql);
  } catch (e) {
    answer = { error: String(e?.message ?? e) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
