"""A mail server for tests: takes mail and writes each down, with what was said about it.

smtp.py FOLDER PORT MODE [USER PASSWORD_FILE]; MODE is plain, starttls or tls.
FOLDER/port appears when it listens. Recipients that begin with "nobody" are refused for good.
"""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
login = None
if len(sys.argv) > 4:
    with open(sys.argv[5]) as file:
        login = (sys.argv[4], file.read().strip())
seen = 0


def authenticator(server, session, envelope, mechanism, data):
    good = (data.login.decode(), data.password.decode()) == login
    return AuthResult(success=good, handled=False, auth_data=data.login.decode())


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        global seen
        seen += 1
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content().replace("\r\n", "\n") for part in message.walk() if not part.is_multipart()}
        noted = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or mode == "tls",
            "user": session.auth_data,
            "headers": {name: value for name, value in message.items()},
            "names": [name for name, _ in message.items()],
            "text": parts.get("text/plain"),
            "html": parts.get("text/html"),
            "raw": envelope.content.decode("ascii"),
        }
        name = os.path.join(folder, f"{seen:03}.json")
        with open(name + ".part", "w") as file:
            json.dump(noted, file)
        os.rename(name + ".part", name)
        return "250 OK"


def tls():
    if mode == "plain":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "leaf.pem"), os.path.join(folder, "leaf.key"))
    return context


def protocol():
    wanted = {"authenticator": authenticator, "auth_required": True} if login else {}
    return SMTP(
        Handler(),
        hostname="sink.example",
        tls_context=tls() if mode == "starttls" else None,
        require_starttls=mode == "starttls",
        auth_require_tls=mode == "starttls",
        **wanted,
    )


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", port, ssl=tls() if mode == "tls" else None)
    name = os.path.join(folder, "port")
    with open(name + ".part", "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(name + ".part", name)
    await server.serve_forever()


asyncio.run(main())
