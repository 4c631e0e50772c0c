import { DuckDBInstance } from '@duckdb/node-api';

export async function open() {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  return async sql => {
    const statements = await connection.extractStatements(sql);
    let reader;
    for (let i = 0; i < statements.count; i++) {
      reader = await (await statements.prepare(i)).runAndReadAll();
    }
    return { columns: reader?.columnNames() ?? [], rows: reader?.getRowsJson() ?? [] };
  };
}
