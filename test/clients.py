"""Follows a session by graphql-transport-ws with Debian's python3-websockets, posts, and prints what it saw."""
import asyncio
import json
import sys
import urllib.request
import uuid

import websockets

ENDPOINT = sys.argv[1]


def run(query, variables, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = json.dumps({"query": query, "variables": variables}).encode()
    with urllib.request.urlopen(urllib.request.Request(ENDPOINT, body, headers)) as response:
        return json.load(response)["data"]


async def main():
    connect = "mutation ($s: ID!, $d: String!) { connect(sessionId: $s, data: $d) { accessToken connection { id } session { lastCursor } } }"
    joined = run(connect, {"s": "python", "d": "Ann"})["connect"]
    token = joined["accessToken"]
    async with websockets.connect(ENDPOINT.replace("http", "ws", 1), subprotocols=["graphql-transport-ws"]) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        query = "subscription ($after: String) { entryAdded(after: $after) { seq body } }"
        payload = {"query": query, "variables": {"after": joined["session"]["lastCursor"]}}
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        add = "mutation ($c: ID!, $b: String!, $k: ID!) { addChatEntry(connectionId: $c, body: $b, idempotencyKey: $k) { seq } }"
        run(add, {"c": joined["connection"]["id"], "b": "from Python", "k": str(uuid.uuid4())}, token)
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == "ping":
                await socket.send('{"type":"pong"}')
                continue
            entry = message["payload"]["data"]["entryAdded"]
            print(entry["seq"], entry["body"])
            return


asyncio.run(asyncio.wait_for(main(), 60))
