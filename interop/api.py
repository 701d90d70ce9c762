"""A small API with what mocks find hard: memory, pages, credentials, and refusals of its own."""

import http.server
import json
import sys
import urllib.parse

TOKEN = "Bearer key-of-the-interop-check"
PAGE = 3


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    users = {n: {"id": n, "name": f"user {n}", "email": f"u{n}@example.org", "tags": ["a", "b"][: n % 3], "boss": None if n == 1 else 1}
             for n in range(1, 8)}

    def answer(self, status, value=None, headers=()):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        if body:
            self.send_header("content-type", "application/json")
        for name, text in headers:
            self.send_header(name, text)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def sent(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            return json.loads(raw)
        except ValueError:
            return None

    def do(self):
        url = urllib.parse.urlsplit(self.path)
        parts = [urllib.parse.unquote(part) for part in url.path.split("/") if part]
        sent = self.sent()
        if parts == ["users"] and self.command in ("GET", "HEAD"):
            page = urllib.parse.parse_qs(url.query).get("page", ["1"])[0]
            if not page.isdecimal() or page == "0":
                return self.answer(400, {"error": "page is a number from 1"})
            everyone = sorted(self.users.values(), key=lambda user: user["id"])
            start = (int(page) - 1) * PAGE
            return self.answer(200, everyone[start:start + PAGE], [("x-total-count", str(len(everyone)))])
        if parts == ["users"] and self.command == "POST":
            if self.headers.get("authorization") != TOKEN:
                return self.answer(401, {"error": "a key is needed"}, [("www-authenticate", "Bearer")])
            if not isinstance(sent, dict) or not isinstance(sent.get("name"), str) or not isinstance(sent.get("email"), str):
                return self.answer(422, {"error": "invalid", "fields": {"name": "is required"}})
            number = max(self.users) + 1
            self.users[number] = {"id": number, "name": sent["name"], "email": sent["email"], "tags": [], "boss": 1}
            return self.answer(201, self.users[number], [("location", f"/users/{number}")])
        if parts == ["users", "me"] and self.command in ("GET", "HEAD"):
            return self.answer(200, {"id": 1, "scopes": ["read"]})
        if len(parts) == 2 and parts[0] == "users":
            user = self.users.get(int(parts[1])) if parts[1].isdecimal() else None
            if user is None:
                return self.answer(404, {"error": "no such user"})
            if self.command in ("GET", "HEAD"):
                return self.answer(200, user)
            if self.headers.get("authorization") != TOKEN:
                return self.answer(401, {"error": "a key is needed"}, [("www-authenticate", "Bearer")])
            if self.command == "DELETE":
                del self.users[user["id"]]
                return self.answer(204)
        if parts == ["health"] and self.command in ("GET", "HEAD"):
            return self.answer(200, {"status": "ok"})
        known = parts in (["users"], ["health"]) or parts[:1] == ["users"] and len(parts) == 2
        return self.answer(405 if known else 404, {"error": "not here"})

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
