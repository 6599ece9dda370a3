"""Servers on this machine that fail as servers do."""

import errno
import http.server
import io
import re
import socket
import struct
import threading
import time

import numpy as np

from helpers.projects import GOOD, sha256

BODY = np.random.default_rng(0).bytes(1_000_000)


BLOCK = 50_000


class Site:
    """A web server: `replies` answer the first requests, one each; `reply` answers the others."""

    def __init__(self):
        self.replies, self.asked, self.reply = [], [], serving(BODY)
        self.closing = threading.Event()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                site.asked.append((self.path, self.headers))
                (site.replies.pop(0) if site.replies else site.reply)(self, site)
                self.close_connection = True

            def end_headers(self):
                self.send_header("Connection", "close")
                super().end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.url = f"{self.address}/net.pkl"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def ranges(self):
        """Where each request began."""
        asked = [headers.get("Range", "bytes=0-") for _, headers in self.asked]
        return [int(re.fullmatch(r"bytes=(\d+)-", text)[1]) for text in asked]


def closed(handler, site):
    handler.wfile.flush()


def serving(body, etag='"one"', *, ranges=True, cut=None, end=closed, chunked=False, **headers):
    """A reply with a file, its ranges where they are asked for; `cut` bytes of it, then the end."""

    def reply(handler, site):
        asked, start = handler.headers.get("Range"), 0
        resumed = bool(ranges and asked and handler.headers.get("If-Range") == etag)
        if resumed:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(body):
                return refusing(416)(handler, site)
        told = {"Transfer-Encoding": "chunked"} if chunked else {}
        told |= {} if chunked else {"Content-Length": str(len(body) - start)}
        told |= {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if resumed else {}
        told |= {"ETag": etag} if etag else {}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        handler.send_response(206 if resumed else 200)
        for name, value in told.items():
            if value is not None:
                handler.send_header(name, value)
        handler.end_headers()
        sent = body[start:] if cut is None else body[start : start + cut]
        for i in range(0, len(sent), BLOCK) if chunked else ():
            piece = sent[i : i + BLOCK]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if not chunked:
            handler.wfile.write(sent)
        elif cut is None:
            handler.wfile.write(b"0\r\n\r\n")
        return end(handler, site)

    return reply


def refusing(status):
    def reply(handler, site):
        handler.send_response(status)
        handler.send_header("Content-Length", "5")
        handler.end_headers()
        handler.wfile.write(b"sorry")

    return reply


def moving(place):
    def reply(handler, site):
        handler.send_response(302)
        handler.send_header("Location", place)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return reply


class Pages:
    """A web server on 127.0.0.1: `pages` maps paths to (status, headers, body)."""

    def __init__(self):
        self.pages, self.asked = {}, []
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                pages.asked.append(self.path)
                status, headers, body = pages.pages.get(self.path, (404, {}, b"not found"))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def serve(self, name, body, status=200, **headers):
        self.pages[f"/{name}"] = (status, headers, body)

    def source(self, name="tiny.ckpt", data=GOOD, **changes):
        """A source of the manifest for the file that ought to be there."""
        values = dict(url=f"{self.address}/{name}", file=name, sha256=sha256(data), size=len(data))
        return values | changes


def reset(handler, site):
    """End the connection by RST in place of FIN."""
    closed(handler, site)
    time.sleep(0.05)  # else what was sent may be lost with it
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def stalled(handler, site):
    closed(handler, site)
    site.closing.wait(10)


class FullFile(io.FileIO):
    """A file on a `disk` of little `room`."""

    def __init__(self, path, mode, disk):
        super().__init__(path, mode)
        self.disk = disk

    def write(self, data):
        super().write(data[: self.disk.room])
        left, self.disk.room = self.disk.room, max(0, self.disk.room - len(data))
        if left < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")


class SmallDisk:
    """A disk on which `room` bytes are left; `open` opens files on it."""

    def __init__(self, room):
        self.room = room

    def open(self, path, mode):
        return FullFile(path, mode, self)
