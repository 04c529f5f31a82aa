// What a static app asks Handrail with: import { query, metric, me } from "/.handrail/handrail.js"
// Each answers with rows that this viewer may see, or throws a Refused that says why and what to do next.

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
