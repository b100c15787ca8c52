"""The console as files, and what pages of other origins may not do to the port that serves it."""

import urllib.error
import urllib.request

import pytest

from harness import DEADLINE_S, REGION


def fetched(url, method="GET", body=None, **headers):
    """Status, headers and body, without following redirects."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, data=body, headers=named)
    try:
        answer = urllib.request.build_opener(Stay).open(request, timeout=DEADLINE_S)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read()


def test_browsers_are_told_to_run_nothing_else(server):
    status, headers, body = fetched(f"{server.api_url}/console/")
    assert status == 200 and b"<!doctype html>" in body
    assert headers["content-security-policy"].startswith("default-src 'self'; ")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert fetched(f"{server.api_url}/console/", if_none_match=headers["etag"])[0] == 304
    assert fetched(f"{server.api_url}/console")[1]["location"] == "/console/"
    assert fetched(f"{server.api_url}/", accept="text/html")[1]["location"] == "/console/"
    assert fetched(f"{server.api_url}/")[0] == 404
    assert fetched(f"{server.api_url}/console/nothing")[0] == 404
    assert fetched(f"{server.api_url}/console/", method="POST", body=b"")[0] == 405


FORGED = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x/20260101/{REGION}/"


@pytest.mark.parametrize(
    "path",
    [
        "/_thingcore/reset",
        "/_thingcore/seed",
        "/_thingcore/clock",
        "/topics/forged",
        f"/topics/forged?{FORGED}iotdata/aws4_request&X-Amz-Signature=0",
        f"/things/forged?{FORGED}iot/aws4_request&X-Amz-Signature=0",
        f"/forged?{FORGED}s3/aws4_request&X-Amz-Signature=0",
        f"/?Action=CreateRole&{FORGED}iam/aws4_request&X-Amz-Signature=0",
        f"/2015-03-31/functions?{FORGED}lambda/aws4_request&X-Amz-Signature=0",
    ],
)
@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_page_of_another_origin_changes_nothing(server, path, origin):
    """A browser sends such a POST without asking first: what it would have to sign, anybody can."""
    url = f"{server.api_url}{path}"
    status, _, body = fetched(url, "POST", b"{}", origin=origin, content_type="text/plain")
    assert status == 403, body
