//! Handlers of Mock Service Worker 2. The recorded answers are data; one small function in front of them chooses.

use serde_json::{Value, json};

use super::play::{Content, Fits, Rule, content, plays};
use super::{Source, comment, literal};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Everything in front of the handlers.
const HEAD: &str = r#"import { http, HttpResponse, type HttpHandler } from "msw";

/** JSON, a text, or bytes in base64. */
interface Content {
  json?: unknown;
  text?: string;
  base64?: string;
}

/** An answer and the requests that get it: the first that fits. */
interface Rule {
  /** Only without an `Authorization` field. */
  anonymous?: boolean;
  /** Only for this path with its query. */
  target?: string;
  /** Only for this path. */
  path?: string;
  /** Only with this body. */
  sent?: Content;
  status: number;
  headers: [string, string][];
  body?: Content;
}

function same(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
  return (
    Array.isArray(a) === Array.isArray(b) &&
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && same(value, right.get(key)))
  );
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function isSent(content: Content, sent: string): boolean {
  if (content.text !== undefined) return content.text === sent;
  if (content.base64 !== undefined) return new TextDecoder().decode(bytes(content.base64)) === sent;
  try {
    return same(content.json, JSON.parse(sent));
  } catch {
    return false;
  }
}

function written(body: Content | undefined): BodyInit | null {
  if (body === undefined) return null;
  if (body.base64 !== undefined) return bytes(body.base64);
  return body.text ?? JSON.stringify(body.json);
}

async function play(request: Request, rules: Rule[]): Promise<Response | undefined> {
  const { pathname, search } = new URL(request.url);
  const sent = await request.clone().text();
  const rule = rules.find(
    (rule) =>
      !(rule.anonymous && request.headers.has("authorization")) &&
      (rule.target === undefined || (pathname + search).endsWith(rule.target)) &&
      (rule.path === undefined || pathname.endsWith(rule.path)) &&
      (rule.sent === undefined || isSent(rule.sent, sent)),
  );
  return rule && new HttpResponse(written(rule.body), { status: rule.status, headers: rule.headers });
}

/** Handlers for the API at `base`: an origin, with a path where the API has one, or `*` for any. */
export function createHandlers(base = "*"): HttpHandler[] {
  return [
"#;

pub(super) fn handlers(source: &Source<'_>) -> String {
    let title = comment(source.title);
    let mut out =
        format!("// {title}: recorded answers for Mock Service Worker 2 (mswjs.io), written by Understudy.\n");
    out.push_str(HEAD);
    for play in plays(source).iter().filter(|play| METHODS.contains(&play.endpoint.method.as_str())) {
        let method = play.endpoint.method.to_ascii_lowercase();
        let path = literal(&path(&play.endpoint.template));
        out.push_str(&format!("    // {}\n", comment(&play.name())));
        out.push_str(&format!("    http.{method}(base + {path}, ({{ request }}) =>\n      play(request, [\n"));
        for rule in &play.rules {
            out.push_str(&format!("        {},\n", line(rule)));
        }
        out.push_str("      ]),\n    ),\n");
    }
    out.push_str("  ];\n}\n\nexport const handlers = createHandlers();\n");
    out
}

/// One rule as an object literal: a line each, so that a changed answer is a changed line.
fn line(rule: &Rule) -> Value {
    let (request, response) = (&rule.recorded.request, &rule.recorded.response);
    let mut out = json!({});
    match rule.fits {
        Fits::NoCredentials => out["anonymous"] = json!(true),
        Fits::Same => {
            out["target"] = json!(request.target);
            if let Some(sent) = document(&request.body.bytes) {
                out["sent"] = sent;
            }
        }
        Fits::Path => out["path"] = json!(request.path()),
        Fits::Any => {}
    }
    out["status"] = json!(response.status);
    out["headers"] = json!(response.headers.0);
    if let Some(body) = document(&response.body.bytes) {
        out["body"] = body;
    }
    out
}

fn document(bytes: &[u8]) -> Option<Value> {
    match content(bytes) {
        Content::Empty => None,
        Content::Json(value) => Some(json!({ "json": value })),
        Content::Text(text) => Some(json!({ "text": text })),
        Content::Base64(text) => Some(json!({ "base64": text })),
    }
}

/// A template as a path of path-to-regexp. Only the place of a parameter matters.
fn path(template: &str) -> String {
    let (mut path, mut rest, mut number) = (String::new(), template, 0);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, after)) = after.split_once('}') else { break };
        number += 1;
        path.extend([escaped(before), format!(":p{number}")]);
        rest = after;
    }
    path + &escaped(rest)
}

fn escaped(text: &str) -> String {
    let is_special = |c: char| matches!(c, '(' | ')' | '*' | '+' | '?' | ':' | '\\');
    text.chars().flat_map(|c| is_special(c).then_some('\\').into_iter().chain([c])).collect()
}
