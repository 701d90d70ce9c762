// Swagger UI over the learned document. What is tried out goes to Understudy itself, as the app's calls do.
"use strict";

const asked = new URLSearchParams(location.search);
const chosen = /(?:^|; )understudy_theme=(light|dark)/.exec(document.cookie)?.[1];
const isDark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark-mode", isDark);

async function show() {
  const version = asked.get("version");
  const answer = await fetch(`/admin/openapi.json?evidence=false${version ? `&version=${encodeURIComponent(version)}` : ""}`);
  if (!answer.ok) throw new Error((await answer.json()).error.message);
  const spec = await answer.json();
  spec.servers = [{ url: location.origin, description: "Understudy" }];
  const source = asked.get("source");
  window.SwaggerUIBundle({
    spec,
    dom_id: "#swagger",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    // It asks another host.
    validatorUrl: null,
    requestInterceptor: (request) => {
      if (source) request.headers.Prefer = `source=${source}`;
      return request;
    },
  });
}

show().catch((error) => {
  const words = document.createElement("p");
  words.setAttribute("role", "alert");
  words.textContent = `The learned document could not be shown: ${error.message}`;
  document.querySelector("#swagger").replaceChildren(words);
});
