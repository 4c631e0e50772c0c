// A ClickHouse server for tests: the engine of the package chdb behind the
// HTTP interface of ClickHouse, as far as clickhouse-go and curl use it. So the
// Collector's own exporter writes into the real engine, with its own
// statements.
//
// It listens on a free port of the loopback interface, writes
// `listening on http://127.0.0.1:PORT` when it is ready, keeps its data in a
// temporary folder, and ends when its standard input does.
//
// A statement stands in the URL's `query`, the body then being what it inserts,
// or in the body. What a server does beyond that is left out: users, sessions,
// compression, and settings in the URL, of which only the format and the
// database are heeded.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { Session } = require('chdb');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'clickhouse-'));
const session = new Session(path.join(folder, 'data'));
session.query('CREATE DATABASE IF NOT EXISTS default');
// What JSON's numbers cannot hold is text; times are read in any usual form.
session.query('SET output_format_json_quote_64bit_integers = 1, output_format_json_quote_decimals = 1, ' +
  "output_format_json_quote_denormals = 1, date_time_input_format = 'best_effort'");

// The engine takes one statement after the other.
let turn = Promise.resolve();
let inserts = 0;

function inTurn(job) {
  const done = turn.then(job);
  turn = done.catch(() => {});
  return done;
}

async function answer(url, body) {
  const asked = url.searchParams;
  if (asked.get('decompress') === '1' || asked.get('compress') === '1') {
    throw new Error('compression is not supported here: set `compress: none`');
  }
  session.query('USE `' + (asked.get('database') || 'default').replaceAll('`', '') + '`');
  const statement = asked.get('query');
  if (statement && body.length > 0) return insert(statement, body);
  const text = statement || body.toString();
  const format = asked.get('default_format') || 'TabSeparated';
  if (format === 'Native' && /^\s*(SELECT|DESC|DESCRIBE|SHOW|EXISTS|WITH)\b/i.test(text)) {
    const table = await session.queryAsync(text, { format: 'JSONCompact' });
    return native(table.json(), Number(asked.get('client_protocol_version') || 0));
  }
  return Buffer.from((await session.queryAsync(text, { format })).bytes());
}

// insert writes what came with an INSERT INTO t (columns) FORMAT f.
async function insert(statement, data) {
  const parts = /^(.*?)(?:\s+VALUES)?\s+FORMAT\s+(\w+)\s*;?\s*$/is.exec(statement);
  if (!parts) throw new Error('INSERT without FORMAT: ' + statement.slice(0, 200));
  const file = path.join(folder, 'insert-' + ++inserts);
  fs.writeFileSync(file, data);
  try {
    await session.queryAsync(`${parts[1]} FROM INFILE '${file}' FORMAT ${parts[2]}`, { format: 'Null' });
  } finally {
    fs.unlinkSync(file);
  }
  return Buffer.alloc(0);
}

// native is a table as one Native block. The engine writes that format as of
// revision 0; a client that names a revision reads two things more: a block info,
// and a flag for each column.
function native(table, revision) {
  const out = [];
  const varint = (n) => {
    for (; n > 127; n = Math.floor(n / 128)) out.push(Buffer.from([(n & 127) | 128]));
    out.push(Buffer.from([n]));
  };
  const string = (s) => {
    const bytes = Buffer.from(s);
    varint(bytes.length);
    out.push(bytes);
  };
  if (revision > 0) out.push(Buffer.from([1, 0, 2, 255, 255, 255, 255, 0])); // no overflow, bucket -1, end
  varint(table.meta.length);
  varint(table.data.length);
  table.meta.forEach(({ name, type }, i) => {
    string(name);
    string(type);
    if (revision >= 54454) out.push(Buffer.from([0])); // no custom serialization
    for (const row of table.data) {
      const width = { UInt8: 1, UInt16: 2, UInt32: 4 }[type];
      if (type === 'String') {
        string(row[i]);
      } else if (width) {
        const number = Buffer.alloc(width);
        number.writeUIntLE(row[i], 0, width);
        out.push(number);
      } else {
        throw new Error(`no ${type} in Native here: ask for JSONCompact`);
      }
    }
  });
  return Buffer.concat(out);
}

const server = http.createServer(async (request, response) => {
  try {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const url = new URL(request.url, 'http://localhost');
    const body = url.pathname === '/ping' ? Buffer.from('Ok.\n') : await inTurn(() => answer(url, Buffer.concat(chunks)));
    response.writeHead(200, { 'Content-Length': body.length });
    response.end(body);
  } catch (err) {
    response.writeHead(500, { 'X-ClickHouse-Exception-Code': String(err.clickhouseCode || 1002) });
    response.end(String(err.message) + '\n');
  }
});

server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));

// Whoever started this has gone, or wants it to end.
process.stdin.resume();
process.stdin.on('end', () => {
  server.close();
  server.closeAllConnections();
  inTurn(() => session.close()).finally(() => {
    fs.rmSync(folder, { recursive: true, force: true });
    process.exit(0);
  });
});
