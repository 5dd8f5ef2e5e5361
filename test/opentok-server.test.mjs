// OpenTok's server libraries against the real binary: npm's `opentok`, newest and old, with the tokens of `opentok-token` and
// `opentok-jwt` beside its own. Each of their calls is made: some work and are seen by two people in the session, the others give
// the sentence that says what is missing.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import test from 'node:test';
import { promisify } from 'node:util';
import OpenTok from 'opentok';
import OldOpenTok from 'opentok-2.8.0';
import { accountToken, projectToken } from 'opentok-jwt';
import encodeT1 from 'opentok-token';
import { atEnd } from './at-end.mjs';
import { apiKey, apiSecret, join, tryToken } from './opentok-server.mjs';
import { documentedRows } from './opentok-reference.mjs';
import { startServer } from './server.mjs';

const environment = { CHATTOK_API_KEY: apiKey, CHATTOK_API_SECRET: apiSecret, CHATTOK_GRACE: '5s' };

/** Calls a method of a library that takes a callback, and returns what it is called with, or throws its error. */
const call = (library, name, ...args) =>
  new Promise((resolve, reject) => {
    library[name](...args, (error, ...results) => (error ? reject(error) : resolve(results[0])));
  });

const libraries = { newest: OpenTok, '2.8.0': OldOpenTok };

/** A proxy before the server that keeps the last answer, for libraries that don't show it. */
async function recordAnswers(t, server) {
  let last;
  const proxy = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { host, connection, 'content-length': length, ...headers } = request.headers;
    const body = chunks.length ? Buffer.concat(chunks) : undefined;
    const answer = await fetch(server.origin + request.url, { method: request.method, headers, body });
    last = { status: answer.status, body: await answer.text() };
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') }).end(last.body);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  atEnd(t, () => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return { origin: `http://127.0.0.1:${proxy.address().port}`, last: () => last };
}

const now = () => Math.floor(Date.now() / 1000);

for (const [version, Library] of Object.entries(libraries)) {
  test(`npm's opentok ${version}: what works is seen in the session`, async (t) => {
    const server = await startServer(t, environment);
    const library = new Library(apiKey, apiSecret, server.origin);
    const session = await call(library, 'createSession', {});
    assert.match(session.sessionId, /^1_[A-Za-z0-9_-]+$/);

    const ann = await join(t, server, library.generateToken(session.sessionId, { role: 'publisher', data: 'name=Ann' }));
    const bob = await join(t, server, session.generateToken({ role: 'moderator', data: 'name=Bob' }));
    assert.deepEqual([ann.role, ann.data, bob.role, bob.data], ['PUBLISHER', 'name=Ann', 'MODERATOR', 'name=Bob']);
    assert.deepEqual(ann.session, { id: session.sessionId, mediaMode: 'RELAYED', muteForced: false });
    await Promise.all([ann.state(), bob.state()]);

    await t.test('signals, to all and to one', async () => {
      await call(library, 'signal', session.sessionId, null, { type: 'chat', data: 'hello, both' });
      await call(library, 'signal', session.sessionId, ann.id, { data: 'hello, Ann' });
      await call(library, 'signal', session.sessionId, null, { type: 'end', data: '' });
      const sent = (type, data, to) => ({ __typename: 'Signal', type, data, to, fromConnectionId: null });
      await Promise.all([ann.hear('Signal', ({ type }) => type === 'end'), bob.hear('Signal', ({ type }) => type === 'end')]);
      const heard = (member) => member.heard.filter(({ __typename }) => __typename === 'Signal');
      assert.deepEqual(heard(ann), [sent('chat', 'hello, both', null), sent('', 'hello, Ann', ann.id), sent('end', '', null)]);
      assert.deepEqual(heard(bob), [sent('chat', 'hello, both', null), sent('end', '', null)]);
      await assert.rejects(call(library, 'signal', session.sessionId, 'nobody', { data: 'x' }), { message: 'Session or Connection not found' });
      await assert.rejects(call(library, 'signal', 'nowhere', null, { data: 'x' }), { message: 'Session or Connection not found' });
    });

    await t.test('streams', async () => {
      const camera = await ann.publish('Ann');
      const screen = await bob.publish(null, { video: 'SCREEN' });
      const list = await call(library, 'listStreams', session.sessionId);
      const plain = (value) => JSON.parse(JSON.stringify(value));
      assert.deepEqual(plain(list), [
        { id: camera.id, videoType: 'camera', name: 'Ann', layoutClassList: [] },
        { id: screen.id, videoType: 'screen', name: '', layoutClassList: [] },
      ]);
      const one = await call(library, 'getStream', session.sessionId, camera.id);
      assert.deepEqual(plain(one), plain(list[0]));
      await call(library, 'setStreamClassLists', session.sessionId, [{ id: camera.id, layoutClassList: ['focus'] }]);
      assert.deepEqual(plain(await call(library, 'getStream', session.sessionId, camera.id)).layoutClassList, []);
    });

    if (library.forceMuteAll) {
      await t.test('mutes', async () => {
        const [first] = await call(library, 'listStreams', session.sessionId);
        await call(library, 'forceMuteStream', session.sessionId, first.id);
        const server = (moderator) => moderator.role === 'MODERATOR' && moderator.id !== bob.id && moderator.id !== ann.id;
        const one = await ann.hear('MuteForced');
        assert.deepEqual([one.streamId, one.except, one.active, server(one.moderator)], [first.id, [], true, true]);
        assert.equal((await ann.hear('StreamUpdated')).stream.hasAudio, false);

        const kept = await ann.publish('kept');
        await call(library, 'forceMuteAll', session.sessionId, { excludedStreamIds: [kept.id] });
        const all = await bob.hear('MuteForced', ({ streamId }) => streamId === null);
        assert.deepEqual([all.except, all.active, server(all.moderator)], [[kept.id], true, true]);
        const later = await ann.publish('later');
        assert.equal(later.hasAudio, false);
        const told = await ann.hear('MuteForced', ({ streamId }) => streamId === later.id);
        assert.equal(told.active, true);
        assert.equal((await bob.hear('StreamCreated', ({ stream }) => stream.id === later.id)).stream.hasAudio, false);

        await call(library, 'disableForceMute', session.sessionId);
        const ended = await bob.hear('MuteForced', ({ active }) => !active);
        assert.deepEqual([ended.streamId, ended.except, server(ended.moderator)], [null, [], true]);
        assert.equal((await ann.publish('after')).hasAudio, true);
        await assert.rejects(call(library, 'forceMuteStream', session.sessionId, 'nothing'), { message: 'Not Found' });
        await assert.rejects(call(library, 'forceMuteAll', 'nowhere', {}), { message: 'Not Found' });
      });
    }

    await t.test('a connection is ended', async () => {
      await call(library, 'forceDisconnect', session.sessionId, ann.id);
      assert.equal((await bob.hear('ConnectionDestroyed', ({ connection }) => connection.id === ann.id)).reason, 'forceDisconnected');
      await assert.rejects(call(library, 'forceDisconnect', session.sessionId, ann.id), { message: 'Session or Connection not found' });
    });
  });

  test(`npm's opentok ${version}: each other call says what is missing`, async (t) => {
    const server = await startServer(t, environment);
    const library = new Library(apiKey, apiSecret, server.origin);
    const { sessionId } = await call(library, 'createSession', {});
    const token = library.generateToken(sessionId);
    const recorded = 'sessions are not recorded by this server';
    const broadcast = 'sessions are not broadcast by this server';
    const captions = 'there are no live captions on this server';
    const rendered = 'no page is rendered by this server';
    const telephony = 'there is no telephony (SIP) on this server';
    const sockets = 'audio is not sent to WebSockets by this server';
    const called = 'events are sent by webhooks of this server\'s own: use createWebhook by GraphQL, or CHATTOK_WEBHOOK';
    const calls = [
      [recorded, 'startArchive', sessionId, {}],
      [recorded, 'stopArchive', 'an-archive'],
      [recorded, 'getArchive', 'an-archive'],
      [recorded, 'deleteArchive', 'an-archive'],
      [recorded, 'listArchives', {}],
      [recorded, 'addArchiveStream', 'an-archive', 'a-stream', {}],
      [recorded, 'removeArchiveStream', 'an-archive', 'a-stream'],
      [recorded, 'setArchiveLayout', 'an-archive', 'pip', null, null],
      [broadcast, 'startBroadcast', sessionId, {}],
      [broadcast, 'stopBroadcast', 'a-broadcast'],
      [broadcast, 'getBroadcast', 'a-broadcast'],
      [broadcast, 'listBroadcasts', {}],
      [broadcast, 'addBroadcastStream', 'a-broadcast', 'a-stream', {}],
      [broadcast, 'removeBroadcastStream', 'a-broadcast', 'a-stream'],
      [broadcast, 'setBroadcastLayout', 'a-broadcast', 'pip', null, null],
      [captions, 'startCaptions', sessionId, token, {}],
      [captions, 'stopCaptions', 'captions'],
      [rendered, 'startRender', { sessionId, token, url: 'https://page.example/' }],
      [rendered, 'stopRender', 'a-render'],
      [rendered, 'getRender', 'a-render'],
      [rendered, 'listRenders', { count: 1 }],
      [telephony, 'dial', sessionId, token, 'sip:user@sip.example', {}],
      [telephony, 'playDTMF', sessionId, null, '123'],
      [telephony, 'playDTMF', sessionId, 'a-connection', '123'],
      [sockets, 'websocketConnect', sessionId, token, 'wss://audio.example', {}],
      [called, 'registerCallback', { group: 'connection', event: 'created', url: 'https://hook.example/' }],
      [called, 'unregisterCallback', 'a-callback'],
    ];
    const answers = await recordAnswers(t, server);
    const asking = new Library(apiKey, apiSecret, answers.origin);
    for (const [sentence, name, ...args] of calls) {
      if (!asking[name]) continue;
      const given = version === '2.8.0' && name.endsWith('Layout') ? args.slice(0, -1) : args; // its layouts have one argument less
      const { message } = await call(asking, name, ...given).then(
        () => assert.fail(`${name} did not fail`),
        (error) => error,
      );
      const { status, body } = answers.last();
      assert.deepEqual([status, JSON.parse(body).code, JSON.parse(body).message.startsWith(sentence)], [501, 501, true], `${name}: ${body}`);
      // The library of 2.8.0 shows no message of an answer; and of the newest, listBroadcasts fails at every refusal with a fault of its own.
      if (version === 'newest' && name !== 'listBroadcasts') assert.ok(message.includes(sentence), `${name}: ${message}`);
    }
    // The methods that the table above and the test before it do not have.
    const covered = new Set([...calls.map(([, name]) => name), 'createSession', 'generateToken', 'generateJwt', 'signal', 'forceDisconnect',
      'getStream', 'listStreams', 'setStreamClassLists', 'forceMuteStream', 'forceMuteAll', 'disableForceMute',
      'listCallbacks']); // the last throws where nobody can catch it, at every refusal: its path is asked below
    const methods = new Set([...Object.keys(library), ...Object.keys(Library.prototype)].filter((name) => typeof library[name] === 'function'));
    assert.deepEqual([...methods].filter((name) => !covered.has(name)), []);

    const headers = { 'X-OPENTOK-AUTH': library.generateJwt() };
    for (const [sentence, path, method] of [[called, 'callback', 'GET'], [recorded, 'archive/x/streams', 'PATCH'], [recorded, 'archive/storage', 'PUT'],
      [telephony, 'call', 'POST'], [broadcast, 'broadcast/x/layout', 'PUT'], [captions, 'captions/x', 'GET']]) {
      const response = await fetch(`${server.origin}/v2/project/${apiKey}/${path}`, { method, headers });
      const { code, message } = await response.json();
      assert.deepEqual([response.status, code, message.startsWith(sentence)], [501, 501, true], path);
    }
    const always = await fetch(`${server.origin}/session/create`, { method: 'POST', headers, body: new URLSearchParams({ archiveMode: 'always' }) });
    assert.deepEqual([always.status, (await always.json()).message.startsWith(`archiveMode=always: ${recorded}`)], [501, true]);
  });
}

test('tokens of the libraries', async (t) => {
  const server = await startServer(t, environment);
  const newest = new OpenTok(apiKey, apiSecret, server.origin);
  const old = new OldOpenTok(apiKey, apiSecret, server.origin);
  const { sessionId } = await call(newest, 'createSession', {});
  const t1 = (fields = {}, key = apiKey, secret = apiSecret) => encodeT1({ session_id: sessionId, ...fields }, key, secret);

  await t.test('each role, by each library', async () => {
    const makers = { 'newest JWT': (role) => newest.generateToken(sessionId, { role }), 'newest T1': (role) => newest.generateToken(sessionId, { role }, true), 'opentok-token': (role) => t1({ role }) };
    const roles = { subscriber: 'SUBSCRIBER', publisher: 'PUBLISHER', publisheronly: 'PUBLISHER_ONLY', moderator: 'MODERATOR' };
    for (const [name, make] of Object.entries(makers))
      for (const [role, expected] of Object.entries(roles))
        assert.deepEqual(await tryToken(server, make(role)), { role: expected, data: null, session: sessionId }, `${name}: ${role}`);
    for (const role of ['subscriber', 'publisher', 'moderator'])
      assert.deepEqual(await tryToken(server, old.generateToken(sessionId, { role })), { role: roles[role], data: null, session: sessionId });
  });

  await t.test('data of 1,000 characters of three bytes', async () => {
    const data = '字'.repeat(1000);
    for (const token of [newest.generateToken(sessionId, { data }), newest.generateToken(sessionId, { data }, true), old.generateToken(sessionId, { data }), t1({ connection_data: data })])
      assert.equal((await tryToken(server, token)).data, data);
  });

  await t.test('those that are refused', async () => {
    const other = new OpenTok('46123457', apiSecret, server.origin);
    const wrong = new OpenTok(apiKey, `${apiSecret}0`, server.origin);
    const ids = (key) => `1_${Buffer.from(`1~${key}~~0~x~`).toString('base64url')}`;
    const refused = async (token, reason = 'TOKEN_INVALID') => {
      const { code, reason: given, message } = await tryToken(server, token);
      assert.deepEqual([code, given], ['UNAUTHENTICATED', reason], message);
      return message;
    };
    const ended = { expire_time: now() - 31, create_time: now() - 60 };
    assert.match(await refused(t1(ended), 'TOKEN_EXPIRED'), /^the OpenTok token has expired/);
    assert.match(await refused(newest.generateToken(sessionId, { expireTime: now() + 1000 }).replace(/^[^.]+/, 'e30')), /signature|malformed/);
    for (const token of [other.generateToken(ids('46123457')), other.generateToken(ids('46123457'), {}, true), wrong.generateToken(sessionId), wrong.generateToken(sessionId, {}, true), t1({}, '46123457'), t1({}, apiKey, 'x'.repeat(40))]) await refused(token);
    // A REST JWT, short-lived or not, is no participant's.
    for (const token of [newest.generateJwt(), projectToken(apiKey, apiSecret, now() + 200), accountToken(apiKey, apiSecret)]) await refused(token);
  });

  await t.test('every character counts', async () => {
    for (const token of [newest.generateToken(sessionId), t1()]) {
      const step = Math.ceil(token.length / 60); // each one is altered by a test in Go
      for (let i = 0; i < token.length; i += step) {
        const altered = token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1);
        assert.equal((await tryToken(server, altered)).code, 'UNAUTHENTICATED', `at ${i}`);
      }
    }
  });

  await t.test('a session that does not exist is made, and asks for tokens', async () => {
    const elsewhere = `1_${Buffer.from(`1~${apiKey}~~1384221730000~0.123~`).toString('base64url')}`;
    assert.deepEqual(await tryToken(server, newest.generateToken(elsewhere)), { role: 'PUBLISHER', data: null, session: elsewhere });
    const { code } = await tryToken(server, undefined, elsewhere);
    assert.equal(code, 'UNAUTHENTICATED');
    const own = { query: 'mutation { createToken(sessionId: "not-made-yet") { token } }' };
    const response = await fetch(server.endpoint, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${apiSecret}` }, body: JSON.stringify(own) });
    assert.equal((await response.json()).errors[0].extensions.code, 'NOT_FOUND');
  });

  await t.test('what shows the API secret', async () => {
    const path = `${server.origin}/v2/project/${apiKey}/session/${sessionId}/stream`;
    const status = async (headers) => (await fetch(path, { headers })).status;
    const { createToken } = await server.run('mutation ($s: ID!) { createToken(sessionId: $s, role: MODERATOR) { token } }', { s: sessionId }, { authorization: `Bearer ${apiSecret}` });
    assert.equal(await status({ 'X-OPENTOK-AUTH': projectToken(apiKey, apiSecret, now() + 300) }), 200);
    assert.equal(await status({ 'X-OPENTOK-AUTH': newest.generateJwt() }), 200);
    assert.equal(await status({ 'X-TB-PARTNER-AUTH': `${apiKey}:${apiSecret}` }), 200);
    for (const headers of [
      {},
      { 'X-OPENTOK-AUTH': '' },
      { 'X-OPENTOK-AUTH': projectToken(apiKey, apiSecret) }, // 30 days
      { 'X-OPENTOK-AUTH': projectToken(apiKey, apiSecret, now() + 302) },
      { 'X-OPENTOK-AUTH': accountToken(apiKey, apiSecret, now() + 200) },
      { 'X-OPENTOK-AUTH': projectToken('46123457', apiSecret, now() + 200) },
      { 'X-OPENTOK-AUTH': projectToken(apiKey, `${apiSecret}0`, now() + 200) },
      { 'X-OPENTOK-AUTH': newest.generateToken(sessionId, { role: 'moderator', expireTime: now() + 200 }) },
      { 'X-OPENTOK-AUTH': newest.generateToken(sessionId, { role: 'moderator' }, true) },
      { 'X-OPENTOK-AUTH': createToken.token },
      { 'X-OPENTOK-AUTH': apiSecret },
      { 'X-TB-PARTNER-AUTH': `${apiKey}:${apiSecret}0` },
      { 'X-TB-PARTNER-AUTH': apiSecret },
      { authorization: `Bearer ${apiSecret}` },
      { 'X-OPENTOK-AUTH': newest.generateJwt(), 'X-TB-PARTNER-AUTH': `${apiKey}:x` },
      { 'X-OPENTOK-AUTH': newest.generateJwt(), origin: server.origin },
      { 'X-TB-PARTNER-AUTH': `${apiKey}:${apiSecret}`, origin: 'https://page.example' },
    ])
      assert.equal(await status(headers), 403, JSON.stringify(headers));
  });
});

test('paths and forms of older libraries', async (t) => {
  const server = await startServer(t, { ...environment, CHATTOK_LOG_LEVEL: 'debug' });
  const pair = { 'X-TB-PARTNER-AUTH': `${apiKey}:${apiSecret}` };

  await t.test('XML is read by Python as its library does, JSON by that of npm', async () => {
    const response = await fetch(`${server.origin}/hl/session/create`, { method: 'POST', headers: pair, body: new URLSearchParams({ 'p2p.preference': 'enabled' }) });
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'text/xml; charset=utf-8']);
    const script = 'import sys, xml.dom.minidom as m; d = m.parseString(sys.argv[1]); print(d.getElementsByTagName("error").length, d.getElementsByTagName("session_id")[0].childNodes[0].nodeValue, d.documentElement.tagName, d.getElementsByTagName("Session").length, d.getElementsByTagName("partner_id")[0].childNodes[0].nodeValue)';
    const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-c', script, await response.text()]);
    assert.match(stdout, new RegExp(`^0 1_[A-Za-z0-9_-]+ sessions 1 ${apiKey}\\n$`));
  });

  const library = new OpenTok(apiKey, apiSecret, server.origin);
  const { sessionId } = await call(library, 'createSession', { mediaMode: 'routed' });
  const ann = await join(t, server, library.generateToken(sessionId));
  await ann.state();

  await t.test('a slash at the end, two before, a prefix, and partner', async () => {
    for (const path of [`/v2/project/${apiKey}/session/${sessionId}/stream/`, `//v2/project/${apiKey}/session/${sessionId}/stream`,
      `/chat/v2/project/${apiKey}/session/${sessionId}/stream/`, `/v2/partner/${apiKey}/session/${sessionId}/stream`]) {
      const response = await fetch(server.origin + path, { headers: pair });
      assert.deepEqual([response.status, await response.json()], [200, { count: 0, items: [] }], path);
    }
    for (const base of ['/', '/chat', '/chat/']) {
      for (const Library of Object.values(libraries)) {
        const prefixed = new Library(apiKey, apiSecret, server.origin + base);
        assert.match((await call(prefixed, 'createSession', {})).sessionId, /^1_/);
      }
    }
  });

  await t.test('connections, as Ruby lists them', async () => {
    const bob = await join(t, server, library.generateToken(sessionId));
    const list = async (query) => (await fetch(`${server.origin}/v2/project/${apiKey}/session/${sessionId}/connection${query}`, { headers: pair })).json();
    const { count, items, sessionId: id, projectId } = await list('');
    assert.deepEqual([count, id, projectId, items.map((item) => [item.connectionId, item.connectionState])],
      [2, sessionId, apiKey, [[ann.id, 'Connected'], [bob.id, 'Connected']]]);
    assert.ok(Math.abs(items[0].createdAt - Date.now()) < 3_600_000);
    assert.deepEqual((await list('?offset=1&count=1')).items.map(({ connectionId }) => connectionId), [bob.id]);
    assert.deepEqual((await list('?offset=5')).items, []);
    assert.deepEqual((await list('?count=0')).code, 400);
  });

  await t.test('mutes, as Ruby and Python write them', async () => {
    const kept = await ann.publish('kept');
    const muted = await ann.publish('muted');
    const mute = (body) => fetch(`${server.origin}/v2/project/${apiKey}/session/${sessionId}/mute`, { method: 'POST', headers: pair, body: JSON.stringify(body) });
    const response = await mute({ active: 'true', excludedStreams: [kept.id] });
    assert.deepEqual([response.status, (await response.json()).id], [200, apiKey]);
    assert.deepEqual((await ann.hear('MuteForced')).except, [kept.id]);
    assert.equal((await ann.hear('StreamUpdated')).stream.id, muted.id);
    assert.equal((await ann.publish('next')).hasAudio, false);
    assert.equal((await mute({ active: 'false' })).status, 200);
    assert.equal((await ann.publish('after')).hasAudio, true);
    for (const bad of [{}, { active: 1 }, { active: true, excludedStreamIds: 'x' }]) assert.equal((await mute(bad)).status, 400);
    assert.equal((await mute({ active: true, excludedStreamIds: Array.from({ length: 1001 }, (_, i) => `s${i}`) })).status, 400);
  });

  await t.test('400, 404, 405 and 413', async () => {
    const send = async (path, method, body) => {
      const response = await fetch(`${server.origin}/v2/project/${apiKey}/session/${path}`, { method, headers: pair, body });
      const { code, message } = await response.json();
      assert.equal(code, response.status);
      assert.ok(message);
      return code;
    };
    const json = JSON.stringify;
    assert.equal(await send(`${sessionId}/signal`, 'POST', 'not JSON'), 400);
    assert.equal(await send(`${sessionId}/signal`, 'POST', json({ type: 'a b', data: '' })), 400);
    assert.equal(await send(`${sessionId}/signal`, 'POST', json({ data: { not: 'text' } })), 400);
    assert.equal(await send(`${sessionId}/signal`, 'POST', json({ type: 't'.repeat(129) })), 413);
    assert.equal(await send(`${sessionId}/signal`, 'POST', json({ data: 'é'.repeat(4097) })), 413);
    assert.equal(await send(`${sessionId}/signal`, 'POST', json({ data: 'x'.repeat(300_000) })), 413);
    assert.equal(await send(`${sessionId}/stream/nothing`, 'GET'), 404);
    assert.equal(await send('nowhere/stream', 'GET'), 404);
    assert.equal(await send('nowhere/connection', 'GET'), 404);
    assert.equal(await send(`${sessionId}/connection/nobody`, 'DELETE'), 404);
    assert.equal(await send(`${sessionId}/stream/nothing/mute`, 'POST'), 404);
    assert.equal(await send(`${sessionId}/elsewhere`, 'GET'), 404);
    assert.equal(await send(`${sessionId}/stream`, 'DELETE'), 405);
    const foreign = await fetch(`${server.origin}/v2/project/1/session/${sessionId}/stream`, { headers: pair });
    assert.equal(foreign.status, 403);
  });

  await t.test('the log has no secret, and one line about routed sessions', async () => {
    await call(library, 'createSession', { mediaMode: 'routed' });
    const log = server.output;
    assert.ok(log.includes(`path=/v2/project/${apiKey}/session/${sessionId}/signal`));
    assert.equal(log.includes(apiSecret), false);
    assert.equal(log.includes('eyJ'), false);
    assert.equal(log.split('a library asked for a routed session').length, 2);
  });
});

test('each documented path answers as docs/opentok.md says', async (t) => {
  const server = await startServer(t, environment);
  const library = new OpenTok(apiKey, apiSecret, server.origin);
  const { sessionId } = await call(library, 'createSession', {});
  const rows = (await documentedRows()).filter(({ names }) => names[0].startsWith('REST '));
  assert.ok(rows.length > 10);
  const asked = {};
  for (const { names, status, note } of rows)
    for (const name of names) {
      const ann = await join(t, server, library.generateToken(sessionId));
      const named = { key: apiKey, session: sessionId, connection: ann.id, stream: (await ann.publish('a stream')).id };
      const [method, path] = name.slice('REST '.length).replace(/\{(\w+)\}/g, (_, part) => named[part] ?? part).split(' ');
      const body = ['POST', 'PUT', 'PATCH'].includes(method) && !path.endsWith('create') ? JSON.stringify({ active: true, data: 'x' }) : undefined;
      const response = await fetch(server.origin + path, { method, body, headers: { 'X-OPENTOK-AUTH': library.generateJwt() } });
      asked[name] = response.status;
      const expected = status === 'not here' ? [Number(/^\d+/.exec(note)[0])] : [200, 204];
      assert.ok(expected.includes(response.status), `${name}: ${response.status}`);
    }
  t.diagnostic(JSON.stringify(asked));
});

test('without an API key there is no REST, and no token of OpenTok', async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: apiSecret });
  const library = new OpenTok(apiKey, apiSecret, server.origin);
  const headers = { 'X-OPENTOK-AUTH': library.generateJwt() };
  for (const [path, method] of [['/session/create', 'POST'], [`/v2/project/${apiKey}/archive`, 'GET'], [`/v2/project/${apiKey}/session/s/signal`, 'POST']]) {
    const response = await fetch(server.origin + path, { method, headers });
    assert.deepEqual([response.status, (await response.json()).code], [404, 404], path);
  }
  await assert.rejects(call(library, 'createSession', {}), /Not Found/);
  const id = `1_${Buffer.from(`1~${apiKey}~~0~x~`).toString('base64url')}`;
  for (const token of [library.generateToken(id), library.generateToken(id, {}, true)]) {
    const { code, reason } = await tryToken(server, token);
    assert.deepEqual([code, reason], ['UNAUTHENTICATED', 'TOKEN_INVALID']);
  }
});

test('a mute that stays outlives a restart', async (t) => {
  const server = await startServer(t, environment);
  const library = new OpenTok(apiKey, apiSecret, server.origin);
  const { sessionId } = await call(library, 'createSession', {});
  const token = library.generateToken(sessionId);
  const before = await join(t, server, token);
  await before.state();
  const audible = await before.publish('before');
  await call(library, 'forceMuteAll', sessionId, {});
  await before.hear('StreamUpdated', ({ stream }) => stream.id === audible.id && !stream.hasAudio);
  await server.kill();
  await server.start();

  const ann = await join(t, server, token);
  assert.equal(ann.session.muteForced, true);
  assert.equal((await ann.state()).muteForced, true);
  const stream = await ann.publish('later');
  assert.equal(stream.hasAudio, false);
  const told = await ann.hear('MuteForced');
  assert.deepEqual([told.streamId, told.active, told.moderator.role], [stream.id, true, 'MODERATOR']);
  await ann.run('mutation ($id: ID!) { updateStream(streamId: $id, hasAudio: true) { id } }', { id: stream.id });
  await ann.hear('StreamUpdated', (event) => event.stream.id === stream.id && event.stream.hasAudio);
  await call(library, 'disableForceMute', sessionId);
  await ann.hear('MuteForced', ({ active }) => !active);
  assert.equal((await ann.publish('after')).hasAudio, true);
  assert.equal((await join(t, server, token)).session.muteForced, false);
});
