"""A service on this machine: the first request for a page is a miss of its cache."""

import http.server
import json

TOKEN = "Bearer example-token-2"
seen = set()


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sent = self.headers.get("authorization")
        if sent == TOKEN:
            status, body = 200, {"cache": "hit" if self.path in seen else "miss"}
            seen.add(self.path)
        else:
            status, body = 401, {"error": f"{sent} is not valid"}
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


http.server.HTTPServer(("127.0.0.1", 8772), Service).serve_forever()
