// What a static app asks Handrail with:
//   import { query, metric, me, connector } from "/.handrail/handrail.js"
// Each answers with what this viewer may see, or throws a Refused that says why and what to do next.

export class Refused extends Error {
  constructor(problem) {
    super(problem.detail);
    this.name = "Refused";
    this.code = problem.code;
    this.nextStep = problem.next_step;
  }
}

async function ask(path, body) {
  const answer = await fetch(`/.handrail/${path}`, {
    method: body ? "POST" : "GET",
    headers: { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Refused(said);
  if (said.refusal) throw new Refused({ ...said.refusal, detail: said.refusal.message });
  return said;
}

// The rows of a SELECT as objects; $name in it takes params.name.
export const query = async (sql, params = {}) => (await ask("query", { sql, params })).rows;

// A metric: metric("revenue", { by: ["region"], grain: "month" })
export const metric = async (name, asked = {}) => (await ask("query", { metric: { name, ...asked } })).rows;

// Who looks at this page.
export const me = async () => (await ask("me")).person;

// Another system that the manifest declares: connector("crm").get("/customers/7", { params: { fields: ["name"] } }),
// connector("crm").post("/tickets", { json: { text: "…" } }). The answer has status, ok, headers, text and json();
// expect() throws a Refused where the other system says that something failed.
export const connector = (name) =>
  Object.fromEntries(["get", "head", "post", "put", "patch", "delete"].map((method) => [
    method,
    async (path, { params = {}, headers = {}, json } = {}) => replied(
      name,
      await ask(`connectors/${name}/call`, { method: method.toUpperCase(), path, params, headers, json }),
    ),
  ]));

const replied = (name, { status, headers, content }) => ({
  status,
  ok: status < 400,
  headers,
  text: content,
  json: () => (content ? JSON.parse(content) : null),
  expect() {
    if (this.ok) return this;
    const detail = `${name} answered ${status}: ${content.slice(0, 200)}`;
    throw new Refused({ code: "upstream", detail, next_step: `Look at what was asked of ${name}.` });
  },
});
