// A salesperson's day with the generated types, as a first integration in a web or phone app. An
// admin prepares the day. Requires SALESBOOK_URL and SALESBOOK_ADMIN_PASSWORD.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Visit = components["schemas"]["Visit"];
type ProblemCode = components["schemas"]["ProblemCode"];

const baseUrl = process.env["SALESBOOK_URL"] ?? "http://127.0.0.1:8080";
const run = `ts-${Date.now()}`;

const connect = (token?: string) =>
  createClient<paths>({ baseUrl, headers: token ? { authorization: `Bearer ${token}` } : {} });

type Client = ReturnType<typeof connect>;

/** Returns the answer, or throws an exception for a problem. */
function good<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) {
    throw new Error(`${answer.response.status}: ${JSON.stringify(answer.error)}`);
  }
  return answer.data;
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

async function logIn(username: string, password: string): Promise<Client> {
  const answer = await connect().POST("/api/v1/auth/login", { body: { username, password } });
  return connect(good(answer).access_token);
}

/** Creates a product, a salesperson and a customer. */
async function prepare(admin: Client) {
  const password = `field-${run}-bamboo`;
  const product = good(
    await admin.POST("/api/v1/products", {
      body: { code: run, name: "轴承 6204", list_price: "12.50", unit: "件" },
    }),
  );
  const person = good(
    await admin.POST("/api/v1/users", {
      body: { name: "王芳", username: run, password, roles: ["salesperson"] },
    }),
  );
  const customer = good(
    await admin.POST("/api/v1/customers", {
      body: { name: `上海林氏贸易 ${run}`, owner_id: person.id, latitude: 31.23, longitude: 121.47 },
    }),
  );
  return { password, product, customer };
}

/** Follows the feed until it has reported these types, for at most half a minute. */
async function follow(client: Client, wanted: string[]): Promise<void> {
  const types = new Set<string>();
  const missing = () => wanted.filter((type) => !types.has(type));
  let cursor: string | undefined;
  for (let page = 0; page < 10 && missing().length > 0; page++) {
    const query = { limit: 200, wait: 3, ...(cursor === undefined ? {} : { cursor }) };
    const next = good(await client.GET("/api/v1/changes", { params: { query } }));
    for (const event of next.items) {
      types.add(event.type);
      // The type of an event determines the type of its data.
      if (event.type === "order" && event.data) {
        expect(event.data.lines.length === 1, "the order in the feed has its line");
      }
    }
    cursor = next.next_cursor;
  }
  expect(missing().length === 0, `the feed does not tell of ${missing().join(", ")}`);
}

async function day(): Promise<void> {
  const admin = await logIn("admin", process.env["SALESBOOK_ADMIN_PASSWORD"] ?? "");
  const { password, product, customer } = await prepare(admin);
  const seller = await logIn(run, password);

  const planned: Visit = good(
    await seller.POST("/api/v1/visits", { body: { customer_id: customer.id } }),
  );
  const today = good(await seller.GET("/api/v1/me/today"));
  expect(today.visits.some((visit) => visit.id === planned.id), "the visit is on today's list");

  const visit = { path: { id: planned.id } };
  const check = { latitude: 31.23, longitude: 121.47, accuracy_m: 10 };
  const now = () => new Date().toISOString();
  good(
    await seller.POST("/api/v1/visits/{id}/check-in", {
      params: visit,
      body: { ...check, occurred_at: now() },
    }),
  );
  const again = await seller.POST("/api/v1/visits/{id}/check-in", {
    params: visit,
    body: { ...check, occurred_at: now() },
  });
  const code: ProblemCode | undefined = again.error?.code;
  expect(code === "wrong_status", `nobody checks in twice: ${code}`);

  const order = good(
    await seller.POST("/api/v1/orders", {
      params: { header: { "Idempotency-Key": `${run}-order` } },
      body: { customer_id: customer.id, lines: [{ product_id: product.id, quantity: "4" }] },
    }),
  );
  expect(order.amount === "50.00", `4 × 12.50 is ${order.amount}`);
  good(await seller.POST("/api/v1/orders/{id}/submit", { params: { path: { id: order.id } } }));

  const left = good(
    await seller.POST("/api/v1/visits/{id}/check-out", {
      params: visit,
      body: { ...check, occurred_at: now(), outcome: "ordered", complaint_answer: false },
    }),
  );
  expect(left.status === "completed", `the visit is ${left.status}`);
  const changed = good(
    await seller.PATCH("/api/v1/customers/{id}", {
      params: { path: { id: customer.id }, header: { "If-Match": `"${customer.version}"` } },
      body: { city: "上海", phone: null },
    }),
  );
  expect(changed.city === "上海", "the customer has its city");

  await follow(seller, ["customer", "order", "visit"]);
}

await day();
