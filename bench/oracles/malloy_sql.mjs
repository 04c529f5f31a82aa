// Compile Malloy queries to DuckDB's SQL, where npm has installed Malloy beside this file (`make oracles`).
//
// Reads one JSON object from stdin: `tables` (name to columns, each with its DuckDB type), `model` (Malloy
// text over the connection `db`) and `queries` (Malloy text each). Writes a list with an object for each
// query: its `sql`, or the `refusal` of Malloy's compiler. Malloy never sees a database here.
import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import malloy from '@malloydata/malloy';
import {BaseConnection} from '@malloydata/malloy/connection';

class OnlySchemas extends BaseConnection {
  constructor(tables) {
    super();
    this.tables = tables;
  }
  get name() {
    return 'db';
  }
  get dialectName() {
    return 'duckdb';
  }
  getDigest() {
    return createHash('sha256').update(JSON.stringify(this.tables)).digest('hex');
  }
  async fetchTableSchema(tableName, tablePath) {
    const columns = this.tables[tablePath];
    if (!columns) return `no table ${tablePath}`;
    const dialect = new malloy.DuckDBDialect();
    const fields = Object.entries(columns).map(([name, type]) => ({name, ...dialect.sqlTypeToMalloyType(type)}));
    return {type: 'table', name: tableName, tablePath, connection: 'db', dialect: 'duckdb', fields};
  }
  async fetchSelectSchema() {
    return 'only tables are known here';
  }
  async runSQL() {
    throw new Error('nothing runs here');
  }
}

const task = JSON.parse(readFileSync(0, 'utf8'));
const runtime = new malloy.SingleConnectionRuntime({connection: new OnlySchemas(task.tables)});
const model = runtime.loadModel(task.model);
await model.getModel();
const found = [];
for (const query of task.queries) {
  try {
    found.push({sql: await model.loadQuery(query).getSQL()});
  } catch (error) {
    if (!(error instanceof malloy.MalloyError)) throw error;
    found.push({refusal: error.message});
  }
}
process.stdout.write(JSON.stringify(found));
