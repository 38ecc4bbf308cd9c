"""Waiting and trying again, for any script on the generated client.

Use it as `AuthenticatedClient(url, token=key, httpx_args={"transport": Patient()})`.
"""

import os
import random
import sys
import time
import uuid

import httpx

TRIES = 6
# The waits between tries are random: up to this many seconds at first, and up to twice as many each time after.
FIRST_WAIT = float(os.environ.get("ASTRAL_RETRY_WAIT", "0.5"))
LONGEST_WAIT = 300.0
# What is answered by a server or proxy that did not do what it was asked, or cannot tell. An answer with Retry-After
# counts too, such as the 409 to a request whose first try is still running.
TRY_AGAIN = (408, 429, 502, 503, 504)


class GaveUp(Exception):
    """The server could not be reached, or kept asking to wait."""


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
        for number in range(1, TRIES + 1):
            wait = random.uniform(0, FIRST_WAIT * 2 ** (number - 1))
            try:
                response = self.network.handle_request(request)
                body = response.read()
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            else:
                after = response.headers.get("Retry-After", "")
                if response.status_code not in TRY_AGAIN and not after:
                    if body and "json" not in response.headers.get("Content-Type", ""):
                        raise GaveUp(f"{request.url} answered {response.status_code} and no JSON; is that Astral?")
                    return response
                reason = f"the server answered {response.status_code}"
                if after.isdecimal():
                    reason, wait = f"{reason}, Retry-After {after}", wait + int(after)
            if number == TRIES or wait > LONGEST_WAIT:
                break
            print(f"{reason}; trying again in {wait:.1f} s", file=sys.stderr)
            time.sleep(wait)
        raise GaveUp(f"gave up after try {number}: {reason}")
