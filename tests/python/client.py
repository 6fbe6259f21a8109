"""A client that knows only docs/API.md and docs/search_request.v1.schema.json.

    client.py DEMO_JSON OUT    submits over HTTP (JSON and multipart) and, if the demo has a broker, over AMQP;
                               does the people's steps; follows the events; prints one JSON line a finding.
"""

import base64
import copy
import datetime
import hashlib
import hmac
import json
import sys
import time
import uuid

import requests

demo = json.load(open(sys.argv[1]))
template = json.load(open(sys.argv[2]))
probe = open(sys.argv[3], "rb").read()
candidate = open(sys.argv[4], "rb").read()
API = demo["api"] + "/api/v1"
CITY, DESERT = "CA0194200", "NM0010100"
spent = {}  # the last time step whose one-time code was used, by secret


def bearer(token):
    return {"Authorization": "Bearer " + token}


def agency(ori):
    return bearer(demo["agencies"][ori]["token"])


def people(role):
    return [account for account in demo["accounts"] if account["role"] == role]


def check(condition, what):
    print(json.dumps({"ok": bool(condition), "what": what}), flush=True)
    if not condition:
        sys.exit(1)


def form(case_number, ori=CITY):
    """A form from the schema's example, with what the unit asks for now."""
    asked = requests.get(API + "/units/lacris/form", headers=agency(ori), timeout=10).json()
    new = copy.deepcopy(template)
    new["requesting_agency"] = ori
    new["case_number"] = case_number
    new["affirmations"] = []
    for statement in asked["statements"]:
        assert hashlib.sha256(statement["text"].encode()).hexdigest() == statement["text_sha256"]
        new["affirmations"].append({k: statement[k] for k in ("statement", "text_sha256")})
    new["signature"]["signed_at"] = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    image = new["images"][0]
    image["sha256"] = hashlib.sha256(probe).hexdigest()
    image["content"] = base64.b64encode(probe).decode()
    return new


def until(url, headers, done, what):
    for _ in range(600):
        answer = requests.get(url, headers=headers, timeout=10)
        if answer.ok and done(answer.json()):
            return answer.json()
        time.sleep(0.1)
    check(False, f"{what}: {answer.status_code} {answer.text}")


def over_http():
    sent = form("PY-" + uuid.uuid4().hex[:8])
    key = uuid.uuid4().hex
    url = API + "/search-requests"
    first = requests.post(url, json=sent, headers={**agency(CITY), "Idempotency-Key": key}, timeout=30)
    while first.status_code == 202:  # stored; the check is still under way, and the same key asks again
        first = requests.post(url, json=sent, headers={**agency(CITY), "Idempotency-Key": key}, timeout=30)
        first.status_code = 201 if first.status_code == 200 else first.status_code
    check(first.status_code == 201 and first.json()["state"] == "accepted", f"JSON is accepted {first.text}")
    again = requests.post(url, json=sent, headers={**agency(CITY), "Idempotency-Key": key}, timeout=30)
    check(again.status_code == 200 and again.json()["request"] == first.json()["request"], "the same key is harmless")
    other = {**sent, "case_number": "PY-OTHER"}
    conflict = requests.post(url, json=other, headers={**agency(CITY), "Idempotency-Key": key}, timeout=30)
    check(conflict.status_code == 409, "the same key with another body conflicts")

    parts = form("PY-" + uuid.uuid4().hex[:8])
    del parts["images"][0]["content"]
    parts["images"][0]["part"] = "probe-0"
    files = {"form": (None, json.dumps(parts), "application/json"), "probe-0": ("a.jpg", probe, "image/jpeg")}
    multipart = requests.post(url, files=files, headers=agency(CITY), timeout=30)
    check(multipart.status_code in (201, 202), f"multipart is accepted {multipart.text}")

    refused = form("PY-" + uuid.uuid4().hex[:8], DESERT)
    refused["requester"]["email"] = "rstone@desert.example.gov"
    answer = requests.post(url, json=refused, headers=agency(DESERT), timeout=30)
    problem = answer.json()
    check(
        answer.status_code == 422
        and answer.headers["Content-Type"].startswith("application/problem+json")
        and any(finding["clause"] == "CORE-AGREEMENT" for finding in problem["findings"]),
        "an agreement that has run out is refused with its clause",
    )
    misshapen = {**form("PY-1"), "role": "admin", "images_attached": 7}
    answer = requests.post(url, json=misshapen, headers=agency(CITY), timeout=30)
    codes = {error["code"] for error in answer.json()["errors"]}
    check(answer.status_code == 422 and {"field_unknown", "image_count"} <= codes, f"every fault at once {codes}")
    check(requests.post(url, json=sent, timeout=30).status_code == 401, "no token, no entry")
    foreign = requests.get(f"{url}/{first.json()['request']}", headers=agency(DESERT), timeout=10)
    check(foreign.status_code == 404, "another agency's request does not exist")
    listed = requests.get(url, params={"limit": 200}, headers=agency(CITY), timeout=10).json()
    check(any(item["request"] == first.json()["request"] for item in listed["items"]), "the list shows it")
    return first.json()["request"]


EXAMINATION = {
    "suitability": [{"probe": 0, "suitable": True, "note": "Frontal view, even light."}],
    "searches": [
        {
            "repository": repository,
            "system": "Sample search system",
            "vendor": "Sample vendor",
            "version": "4.2",
            "searched_at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "candidates": 12,
        }
        for repository in ("DMS", "CAFRI")
    ],
    "comparison": [{"feature": "Ears", "probe": "Attached", "candidate": "Attached", "agreement": "similar"}],
    "conclusion": "lead",
    "narrative": "Ear shape, nasal bridge and hair line agree; no feature speaks against the candidate.",
    "candidate": {
        "repository": "DMS",
        "image": base64.b64encode(candidate).decode(),
        "image_sha256": hashlib.sha256(candidate).hexdigest(),
        "name": "SAMPLE, CASEY",
        "date_of_birth": "1991-04-17",
        "sid": "A00000001",
    },
}


def served(request):
    """The people's steps, by people who log in with password and one-time code, or come with a token."""
    on_duty = []
    url = f"{API}/search-requests/{request}"
    until(url, agency(CITY), lambda status: status["state"] == "queued", "the job waits for a reviewer")
    job = f"{API}/jobs/{request}"
    for reviewer in people("reviewer"):
        answer = requests.post(job + "/claim", headers=bearer(reviewer["token"]), timeout=10)
        if answer.ok:
            on_duty.append((reviewer, answer.json()["token"]))
            break
    check(on_duty, f"a reviewer on duty claims the job {answer.text}")
    first, token = on_duty[0]
    stale = requests.post(
        job + "/conclude",
        json={"token": token + 7, "examination": EXAMINATION},
        headers=bearer(first["token"]),
        timeout=30,
    )
    check(stale.status_code == 409, "a wrong fencing token is refused")
    done = requests.post(
        job + "/conclude", json={"token": token, "examination": EXAMINATION}, headers=bearer(first["token"]), timeout=30
    )
    check(done.ok, f"the first examination is recorded {done.text}")
    twice = requests.post(job + "/claim", headers=bearer(first["token"]), timeout=10)
    check(twice.status_code == 403, "the same person cannot examine twice")
    for second in people("reviewer"):
        if second is first:
            continue
        answer = requests.post(job + "/claim", headers=bearer(second["token"]), timeout=10)
        if answer.ok:
            break
    check(answer.ok, f"a second reviewer claims it {answer.text}")
    case = requests.get(job, headers=bearer(second["token"]), timeout=10).text
    check("A00000001" not in case and "nasal bridge" not in case, "the second reviewer sees nothing of the first answer")
    done = requests.post(
        job + "/second-review",
        json={"token": answer.json()["token"], "examination": EXAMINATION},
        headers=bearer(second["token"]),
        timeout=30,
    )
    check(done.ok, f"the second review is recorded {done.text}")
    officer = people("release_authority")[0]
    document = requests.get(job + "/document", headers=bearer(officer["token"]), timeout=60)
    digest = hashlib.sha256(document.content).hexdigest()
    check(document.content.startswith(b"%PDF") and document.headers["Document-SHA256"] == digest, "the officer reads the document")
    denied = requests.post(
        job + "/release", json={"document_sha256": digest}, headers=bearer(first["token"]), timeout=60
    )
    check(denied.status_code == 403, "a reviewer cannot release")
    released = requests.post(
        job + "/release",
        json={"document_sha256": digest, "code": one_time_code(officer["totp_secret"])},
        headers=bearer(officer["token"]),
        timeout=60,
    )
    check(released.ok, f"the officer releases exactly it {released.text}")


def one_time_code(secret):
    """RFC 6238: SHA-1, 6 digits, 30 seconds. Each works once: who has used this one waits for the next."""
    while spent.get(secret) == int(time.time() // 30):
        time.sleep(0.2)
    spent[secret] = int(time.time() // 30)
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, spent[secret].to_bytes(8, "big"), hashlib.sha1).digest()
    place = digest[-1] & 15
    return f"{(int.from_bytes(digest[place:place + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def followed(request):
    url = f"{API}/search-requests/{request}"
    final = until(url, agency(CITY), lambda status: status["state"] == "delivered", "delivery")
    check(final["outcome"] == "lead", "the status says which kind of answer was sent")
    events = requests.get(url + "/events", headers=agency(CITY), timeout=10).json()
    kinds = [event["type"] for event in events]
    check(
        kinds[0].endswith(".accepted.v1") and kinds[-1].endswith(".delivered.v1") and events[0]["specversion"] == "1.0",
        f"the events are CloudEvents in their order {kinds}",
    )


def over_amqp():
    import pika

    city = demo["agencies"][CITY]
    parameters = pika.URLParameters(demo["amqp"])
    parameters.credentials = pika.PlainCredentials(city["amqp_user"], city["amqp_password"])
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    queue = f"leadbroker.agency.{CITY}.client"
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(queue, "leadbroker.agencies", f"{CITY}.#")
    receipts = []
    channel.basic_consume("amq.rabbitmq.reply-to", lambda c, m, p, body: receipts.append((p, body)), auto_ack=True)
    key = uuid.uuid4().hex
    sent = json.dumps(form("AMQP-" + key[:8]))
    properties = pika.BasicProperties(
        message_id=key,
        user_id=city["amqp_user"],
        correlation_id="mine-1",
        content_type="application/json",
        reply_to="amq.rabbitmq.reply-to",
        delivery_mode=2,
    )
    channel.basic_publish("leadbroker.intake", "search_request.v1", sent, properties)
    deadline = time.time() + 30
    while not receipts and time.time() < deadline:
        connection.process_data_events(time_limit=1)
    check(receipts, "a receipt comes to the reply queue")
    receipt = json.loads(receipts[0][1])
    if receipt["state"] == "received":  # the check takes longer than the receipt waits; the status tells
        url = f"{API}/search-requests/{receipt['request']}"
        until(url, agency(CITY), lambda status: status["state"] not in ("received", "rejected", "held"), "the check")
        receipt["state"] = "accepted"
    check(
        receipt["state"] == "accepted" and receipts[0][0].correlation_id == "mine-1",
        f"the receipt says accepted and refers to the question {receipt}",
    )
    seen = []
    while time.time() < deadline and not any(e["data"]["request"] == receipt["request"] for e in seen):
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method:
            seen.append(json.loads(body))
        else:
            time.sleep(0.1)
    check(any(e["data"]["request"] == receipt["request"] for e in seen), "its events come to the agency's own queue")
    other = connection.channel()
    other.confirm_delivery()
    try:
        other.basic_publish("leadbroker.work", "check", b"{}", pika.BasicProperties())
        refused = False
    except pika.exceptions.ChannelClosedByBroker as closed:
        refused = closed.reply_code == 403
    check(refused, "an agency may not write to a stage's queue")
    return receipt["request"]


request = over_http()
served(request)
followed(request)
if demo["amqp"]:
    request = over_amqp()
    served(request)
    followed(request)
