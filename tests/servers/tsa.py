"""A real time-stamp authority (RFC 3161) of the test's own: OpenSSL signs, a tiny HTTP server hands on."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CONFIG = """
[req]
distinguished_name = none
[none]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """``url`` is where it answers.  ``refuse`` makes it answer 503; ``asked`` counts requests."""

    def __init__(self, folder: Path) -> None:
        self.refuse = False
        self.asked = 0
        self._folder = folder
        self._one_at_a_time = threading.Lock()
        self._config = folder / "tsa.cnf"
        self._config.write_text(_CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")
        self._make_certificates()
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                authority.asked += 1
                if authority.refuse:
                    self.send_error(503)
                    return
                answer = authority.reply(query)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def root(self) -> bytes:
        """The root certificate, PEM."""
        return (self._folder / "root.pem").read_bytes()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, query: bytes) -> bytes:
        """The answer to a TimeStampReq."""
        with self._one_at_a_time:
            (self._folder / "query").write_bytes(query)
            self._openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply")
            return (self._folder / "reply").read_bytes()

    def _make_certificates(self) -> None:
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "tsa.cnf")
        files = ("-keyout", "root.key", "-out", "root.pem")
        self._openssl("req", "-x509", *curve, "-subj", "/CN=Test root", "-days", "30", "-extensions", "root", *files)
        self._openssl(
            "req", "-new", *curve, "-subj", "/CN=Test authority", "-keyout", "signer.key", "-out", "signer.csr"
        )
        issuer = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "30")
        extensions = ("-extfile", "tsa.cnf", "-extensions", "signer")
        self._openssl("x509", "-req", "-in", "signer.csr", *issuer, *extensions, "-out", "signer.pem")

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True, timeout=30)


@contextlib.contextmanager
def authority(folder: Path) -> Iterator[Authority]:
    """Run one until the block ends."""
    found = Authority(folder)
    try:
        yield found
    finally:
        found.close()
