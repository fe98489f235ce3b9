// What a web team does first: the types must carry it.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

type Customer = components["schemas"]["Customer"];

export async function firstCustomer(token: string): Promise<Customer | undefined> {
  const client = createClient<paths>({ headers: { authorization: `Bearer ${token}` } });
  const { data, error } = await client.GET("/api/v1/customers", {
    params: { query: { q: "林", status: ["active"], limit: 1 } },
  });
  if (error) throw new Error(error.code);
  const customer = data.items[0];
  if (!customer) return undefined;
  const changed = await client.PATCH("/api/v1/customers/{id}", {
    params: {
      path: { id: customer.id },
      header: { "If-Match": `"${customer.version}"`, "Idempotency-Key": "k-1" },
    },
    body: { city: "上海", phone: null },
    bodySerializer: (body) => JSON.stringify(body),
  });
  return changed.data;
}
