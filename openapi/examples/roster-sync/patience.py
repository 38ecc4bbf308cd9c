"""Waiting and trying again, for any script on the generated client.

Use it as `AuthenticatedClient(url, token=key, httpx_args={"transport": Patient()})`.
"""

import os
import random
import ssl
import sys
import time
import uuid

import httpx

TRIES = 6
# The waits between tries are random: up to this many seconds at first, and up to twice as many each time after.
FIRST_WAIT = float(os.environ.get("ASTRAL_RETRY_WAIT", "0.5"))
LONGEST_WAIT = 300.0
# What is answered by a server or proxy that did not do what it was asked, or cannot tell. A 409 counts too if it has
# Retry-After: the first try of the request is still running.
TRY_AGAIN = (408, 429, 502, 503, 504)


class GaveUp(Exception):
    """The server could not be reached, or kept asking to wait."""


def why(error: httpx.TransportError, server: str) -> str:
    """A sentence on a network error.

    The text of httpx itself can quote what was sent, and so the API key. Only of a connection that was never made it
    cannot, and there it tells the most.
    """
    if isinstance(error, httpx.TimeoutException):
        return f"{server} did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return f"{server} cannot be reached: {error}"
    return f"the connection to {server} broke"


def hopeless(error: BaseException | None, server: str) -> str | None:
    """A sentence on what will be the same at the next try, or None."""
    while error:
        if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
            return f"nothing can be sent to {server}; are ASTRAL_URL and ASTRAL_API_KEY right?"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the certificate of {server} is not trusted; is ASTRAL_URL right?"
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            return f"{server} does not answer with TLS; is ASTRAL_URL right, also http or https?"
        error = error.__cause__ or error.__context__
    return None


class Patient(httpx.BaseTransport):
    """Sends a request again after a network error, and when the server asks to wait.

    So a request can reach the server twice, if only its answer was lost. To read or to set a field again changes
    nothing; a POST carries an Idempotency-Key, by which the server knows it. The key is made of the request and of
    this run: of the request alone it would, for a day, answer "added" for an athlete who was removed in between.
    """

    def __init__(self) -> None:
        self.network = httpx.HTTPTransport()
        self.run = uuid.uuid4()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            request.headers["Idempotency-Key"] = str(uuid.uuid5(self.run, f"{request.url} {request.content.decode()}"))
        server = f"{request.url.scheme}://{request.url.netloc.decode()} (ASTRAL_URL)"
        for number in range(1, TRIES + 1):
            wait = random.uniform(0, FIRST_WAIT * 2 ** (number - 1))
            try:
                response = self.network.handle_request(request)
                body = response.read()
            except httpx.TransportError as error:
                if sentence := hopeless(error, server):
                    raise GaveUp(sentence) from None
                reason = why(error, server)
            else:
                after = response.headers.get("Retry-After", "")
                if response.status_code not in TRY_AGAIN and not (response.status_code == 409 and after):
                    if body and "json" not in response.headers.get("Content-Type", ""):
                        raise GaveUp(f"{server} answered {response.status_code} and no JSON; is that Astral?")
                    return response
                reason = f"the server answered {response.status_code}"
                if after.isdecimal():
                    reason, wait = f"{reason}, Retry-After {after}", wait + int(after)
            if number == TRIES or wait > LONGEST_WAIT:
                break
            print(f"{reason}; trying again in {wait:.1f} s", file=sys.stderr)
            time.sleep(wait)
        raise GaveUp(f"gave up after try {number}: {reason}")
