// Two of Swagger UI's steps take it seconds for a document as large as ours: reading it as YAML, and bringing
// all of it into another form before the references of one operation are resolved. Here it is read as JSON,
// and a reference is looked up when its operation is opened.

const target = (document, reference) => {
  const keys = reference.slice("#/".length).split("/");
  const unescaped = keys.map((key) => key.replace(/~1/g, "/").replace(/~0/g, "~"));
  return unescaped.reduce((node, key) => node?.[key], document);
};

// `above`: the references on the way here. A schema that contains itself is shown once.
const resolved = (document, node, above = []) => {
  if (Array.isArray(node)) return node.map((item) => resolved(document, item, above));
  if (node === null || typeof node !== "object") return node;
  const { $ref: reference, ...others } = node;
  const members = Object.entries(others).map(([name, value]) => [name, resolved(document, value, above)]);
  const own = Object.fromEntries(members);
  if (typeof reference !== "string") return own;
  const title = reference.split("/").pop();
  if (above.includes(reference)) return { title, ...own };
  return { title, ...resolved(document, target(document, reference), [...above, reference]), ...own };
};

const quick = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        parseToJson: (_, system) => (text) => system.specActions.updateJsonSpec(JSON.parse(text)),
      },
    },
  },
  fn: {
    resolveSubtree: async (document, path) => {
      const node = path.reduce((parent, key) => parent?.[key], document);
      return { spec: resolved(document, node), errors: [] };
    },
  },
});

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  plugins: [quick],
  deepLinking: true,
  // Operations are folded; schemas are shown with the operations that use them.
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  // The search box: by group or path
  filter: true,
  // Requests are sent from the page, with the token that was given to "Authorize".
  tryItOutEnabled: true,
  displayRequestDuration: true,
});
