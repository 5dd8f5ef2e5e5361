// Pages of OpenTok's first version (0.91): the tutorial's page written anew, and pages in the style of 2011 with TB, OT_Widget,
// jQuery and the tutorial's two routes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import test from 'node:test';
import { atEnd } from './at-end.mjs';
import { startBrowser } from './app.mjs';
import { mint, openOT, play } from './opentok.mjs';
import { startNetwork } from './sdk.mjs';
import { startServer } from './server.mjs';

const secret = 'a secret of the tests, thirty-two bytes and more';
const example = new URL('../web/examples/tutorial/', import.meta.url);
const jquery = new URL('opentok-pages/node_modules/jquery/dist/jquery.min.js', import.meta.url);

/**
 * Serves pages and scripts by their paths, and passes the tutorial's routes on to the server, as a proxy would. A request for the
 * connection `redirected` is answered by a redirect. Returns the origin, and a list of the requests for the routes: with the page's
 * own token, with one that was lent, or bare, and whether the page's own header came.
 */
async function servePages(t, server, pages) {
  const asked = [];
  const site = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (pathname.startsWith('/chat_entries/')) {
      const { authorization = 'bare', mark = '' } = request.headers;
      asked.push(`${request.method} ${pathname} ${authorization.replace('Bearer ', '').replace(/^.{20,}$/, 'lent')} ${mark}`.trim());
      if (pathname.endsWith('/redirected')) return response.writeHead(302, { location: '/chat_entries/elsewhere' }).end();
      const onward = http.request(new URL(request.url, server.origin), { method: request.method, headers: { ...request.headers, host: new URL(server.origin).host } });
      onward.on('response', (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      return request.pipe(onward);
    }
    const content = pages[pathname];
    const type = pathname.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(content ? 200 : 404, { 'content-type': `${type}; charset=utf-8` }).end(content ?? '');
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  atEnd(t, () => {
    site.closeAllConnections();
    site.close();
  });
  return { origin: `http://127.0.0.1:${site.address().port}`, asked };
}

/** Returns the example's page and script, for a session and a server. */
async function tutorial(server, session, token) {
  const [html, script] = await Promise.all(['index.html', 'tutorial.js'].map((name) => readFile(new URL(name, example), 'utf8')));
  const page = html.replaceAll('http://127.0.0.1:8080', server.origin).replace('data-session="tutorial" data-token="devtoken"', `data-session="${session}" data-token="${token}"`);
  assert.ok(page.includes(`data-token="${token}"`));
  return { '/tutorial.js': script, '/': page };
}

/** A page in the style of 2011: handlers of every event, its own layout, and text by the tutorial's routes. */
const ownPage = (server) => `<!doctype html>
<html>
<head>
<meta charset="utf-8">
<title>0.91</title>
<link rel="icon" href="data:,">
<script src="${server.origin}/sdk/opentok.js"></script>
<script src="/jquery.js"></script>
</head>
<body>
<div id="mine"><div id="publisherDiv"></div></div>
<div id="theirs"></div>
<div id="chat"></div>
<script>
  var told = [], failures = [], subscribers = {}, publisher, session;
  if (TB.checkSystemRequirements() != TB.HAS_REQUIREMENTS) alert('Please upgrade to the latest version of Flash.');
  TB.setLogLevel(TB.DEBUG);
  TB.addEventListener('exception', function (event) { told.push('exception ' + event.code + ' ' + event.title); });
  session = TB.initSession('first');
  session.addEventListener('sessionConnected', function (event) {
    told.push('sessionConnected ' + event.connections.length + ' ' + event.streams.length);
    publisher = session.publish('publisherDiv', { width: 120, height: 90, name: document.title });
    publisher.addEventListener('accessAllowed', function () { told.push('accessAllowed'); });
    publisher.addEventListener('accessDenied', function () { told.push('accessDenied'); });
    subscribeToStreams(event.streams);
  });
  session.addEventListener('sessionDisconnected', function (event) { told.push('sessionDisconnected ' + event.reason); });
  session.addEventListener('connectionCreated', function (event) { told.push('connectionCreated ' + event.connections.length); });
  session.addEventListener('connectionDestroyed', function (event) { told.push('connectionDestroyed ' + event.connections.length + ' ' + event.reason); });
  session.addEventListener('streamCreated', function (event) { subscribeToStreams(event.streams); });
  session.addEventListener('streamDestroyed', function (event) {
    event.preventDefault();
    for (var i = 0; i < event.streams.length; i++) {
      var stream = event.streams[i], place = document.getElementById('stream' + stream.streamId);
      told.push('streamDestroyed ' + (isMine(stream) ? 'mine' : 'theirs') + ' ' + event.reason);
      if (!place) continue;
      place.parentNode.parentNode.removeChild(place.parentNode);
      session.unsubscribe(subscribers[stream.streamId]);
    }
  });
  session.addEventListener('streamPropertyChanged', function (event) { told.push(event.changedProperty + ' ' + event.newValue); });
  session.addEventListener('signalReceived', function (event) { getChatEntry(event.fromConnection.connectionId); });
  session.connect('1127', 'devtoken');

  function isMine(stream) { return stream.connection.connectionId == session.connection.connectionId; }
  function subscribeToStreams(streams) {
    for (var i = 0; i < streams.length; i++) {
      told.push('stream ' + (isMine(streams[i]) ? 'mine' : 'theirs'));
      if (isMine(streams[i])) continue;
      var box = document.createElement('div'), place = document.createElement('div');
      place.setAttribute('id', 'stream' + streams[i].streamId);
      box.appendChild(place);
      document.getElementById('theirs').appendChild(box);
      subscribers[streams[i].streamId] = session.subscribe(streams[i], place.id, { width: 320, height: 240 });
    }
  }
  function getChatEntry(connectionId) {
    $.ajax({ url: '/chat_entries/latest/' + connectionId, success: function (data) { $('#chat').append($('<p>').text(data.chat_entry.body)); } });
  }
  function postChatEntry(body, connectionId) {
    $.ajax({
      url: '/chat_entries/add', type: 'POST', data: { connectionId: connectionId || session.connection.connectionId, body: body },
      success: function () { session.signal(); },
      error: function (request) { failures.push(request.status + ' ' + JSON.parse(request.responseText).error.code); }
    });
  }
</script>
</body>
</html>`;

/** A page that lends its token, of the server at this origin, and keeps the warnings of its console. */
const lendingPage = ({ origin }) => `<!doctype html>
<meta charset="utf-8"><title>Requests</title><link rel="icon" href="data:,">
<script src="${origin}/sdk/opentok.js"></script>
<script>
  var told = [], warnings = [];
  console.warn = function (text) { warnings.push(text); };
  var session = TB.initSession('lending');
  ['sessionConnected', 'sessionReconnecting', 'sessionReconnected'].forEach(function (name) {
    session.on(name, function () { told.push(name); });
  });
  session.connect('1127', 'devtoken', { detectConnectionQuality: 1 });

  /** Sends an XMLHttpRequest and resolves with its status and events, once it has ended. */
  function ask(url, options) {
    options = Object.assign({ method: 'GET', headers: {}, body: undefined, type: '' }, options);
    var xhr = new XMLHttpRequest();
    xhr.open(options.method, url);
    xhr.responseType = options.type;
    Object.keys(options.headers).forEach(function (name) { xhr.setRequestHeader(name, options.headers[name]); });
    xhr.send(options.body);
    return ended(xhr);
  }
  function ended(xhr) {
    return new Promise(function (resolve) {
      var events = [];
      ['abort', 'error', 'load', 'loadend'].forEach(function (name) {
        xhr.addEventListener(name, function () {
          events.push(name + ' ' + xhr.status);
          if (name === 'loadend') setTimeout(function () { resolve(events.join()); });
        });
      });
    });
  }
  function form(connectionId) { return new URLSearchParams({ connectionId: connectionId, body: 'by the route' }); }
</script>`;

/** A page with only OT_Widget. */
const widgetPage = (server, token = 'devtoken') => `<!doctype html>
<meta charset="utf-8"><title>Widget</title><link rel="icon" href="data:,">
<script src="${server.origin}/sdk/opentok.js"></script>
<script src="${server.origin}/sdk/ot-widget.js"></script>
<div id="box"></div>
<script>
  var told = [];
  TB.addEventListener('exception', function (event) { told.push('exception ' + event.code); });
  var session = TB.initSession('widget');
  OT_Widget.init(session, 'box', 600, 300);
  session.connect('1127', '${token}');
</script>`;

/** Returns the videos' places in their box, as [left, top, width, height]. */
const tiles = (page, id) =>
  page.evaluate((id) => {
    const box = document.getElementById(id).getBoundingClientRect();
    return [...document.getElementById(id).children].map((tile) => {
      const { left, top, width, height } = tile.firstElementChild.getBoundingClientRect();
      return [left - box.left, top - box.top, width, height];
    });
  }, id);

const waitTold = (page, text) =>
  page.waitForFunction((text) => globalThis.told.includes(text), text).catch(async (error) => {
    throw new Error(`${text} was not told, but ${JSON.stringify(await page.evaluate(() => globalThis.told))}`, { cause: error });
  });

test('pages of OpenTok’s first version', async (t) => {
  const browser = await startBrowser(t);
  const routes = { CHATTOK_GRACE: '1m', CHATTOK_API_SECRET: secret, CHATTOK_RAILS_ROUTES: 'true' };
  const open = await startServer(t, routes);
  const pages = { '/jquery.js': await readFile(jquery, 'utf8'), '/own': ownPage(open), '/widget': widgetPage(open) };
  pages['/publisher-only'] = widgetPage(open, mint(secret, { session: 'widget', role: 'PUBLISHER_ONLY' }));

  for (const mode of ['open', 'closed']) {
    await t.test(`the tutorial’s page, in ${mode} mode`, async (t) => {
      const server = mode === 'open' ? open : await startServer(t, { ...routes, CHATTOK_OPEN: 'false' });
      if (mode === 'closed') await server.run('mutation { createSession(id: "tutorial") { id } }', {}, { authorization: `Bearer ${secret}` });
      const token = mode === 'open' ? 'devtoken' : mint(secret, { session: 'tutorial', role: 'PUBLISHER' });
      const { origin } = await servePages(t, server, await tutorial(server, 'tutorial', token));
      const phone = { viewport: { width: 390, height: 844 } };
      const [ann, bob] = await Promise.all([openOT(t, browser, `${origin}/`), openOT(t, browser, `${origin}/`, phone)]);
      for (const page of [ann, bob]) await play(page, '#videos .OT_video-element', 2);
      assert.deepEqual(await tiles(ann, 'videos'), [[0, 0, 320, 240], [320, 0, 320, 240]]);
      for (const [, top, width, height] of await tiles(bob, 'videos')) assert.ok(top < 2 && width > 180 && width < 188 && height > 135, `${top} ${width} ${height}`);

      await ann.evaluate(() => {
        for (const text of ['first', 'second']) {
          document.getElementById('words').value = text;
          document.getElementById('say').requestSubmit();
        }
      });
      const annId = await ann.evaluate(() => session.connection.connectionId);
      for (const [page, kind, author] of [[ann, 'mine', 'You'], [bob, 'theirs', annId.slice(0, 6)]]) {
        await page.locator('#entries li').nth(1).waitFor();
        assert.deepEqual(await page.locator(`#entries li.${kind}`).allTextContents(), [`${author} first`, `${author} second`]);
      }

      const post = (page, connectionId) =>
        page.evaluate(async (connectionId) => {
          const body = new URLSearchParams({ connectionId: connectionId ?? session.connection.connectionId, body: 'by the route' });
          const response = await fetch('/chat_entries/add', { method: 'POST', body });
          return [response.status, (await response.json()).error?.code];
        }, connectionId);
      assert.deepEqual(await post(bob, annId), [403, 'FORBIDDEN']);
      assert.deepEqual(await post(bob), [200, undefined]);
      await ann.locator('#entries li.theirs', { hasText: 'by the route' }).waitFor();
      assert.equal(await ann.locator('#entries li').count(), 3);

      await bob.evaluate(() => {
        document.getElementById('words').value = 'x'.repeat(300);
        document.getElementById('say').requestSubmit();
      });
      await bob.locator('#entries li', { hasText: 'xxx' }).waitFor();
      assert.equal(await bob.evaluate(() => document.documentElement.scrollWidth), 390); // a long word is broken

      await bob.evaluate(() => session.disconnect());
      await ann.waitForFunction(() => document.getElementById('videos').children.length === 1);
      assert.deepEqual(await tiles(ann, 'videos'), [[160, 0, 320, 240]]);
      await play(ann, '#videos .OT_video-element', 1);
      assert.equal(await bob.locator('#videos > *').count(), 0);

      // A page that was put out says so, and keeps the text that it can't send.
      const authorization = { authorization: `Bearer ${secret}` };
      await server.run('mutation($id: ID!) { forceDisconnect(connectionId: $id, sessionId: "tutorial") { id } }', { id: annId }, authorization);
      await ann.waitForFunction(() => document.getElementById('trouble').textContent === 'You have left the session.');
      await ann.evaluate(() => {
        document.getElementById('words').value = 'unsent';
        document.getElementById('say').requestSubmit();
      });
      assert.deepEqual(await ann.evaluate(() => [document.getElementById('words').value, document.getElementById('trouble').textContent]), ['unsent', 'You have left the session.']);

      // An entry that comes before sessionConnected is shown.
      let early;
      const eve = await openOT(t, browser, `${origin}/`, { prepare: (page) => page.routeWebSocket(/\/graphql/, (socket) => {
        const far = socket.connectToServer();
        let state;
        far.onMessage((message) => {
          if (!early && message.includes('"SessionState"')) {
            state = message; // held back until the entry has come
            early = server.run('mutation { addChatEntry(body: "an early bird", sessionId: "tutorial") { id } }', {}, authorization);
            return;
          }
          socket.send(message);
          if (state && message.includes('an early bird')) {
            socket.send(state);
            state = undefined;
          }
        });
      }) });
      await eve.waitForFunction(() => session.isConnected());
      await early;
      assert.match((await eve.locator('#entries li.theirs').allTextContents()).join('\n'), /^\S{6} an early bird$/);
    });
  }

  await t.test('requests to which the token is lent, and all others, which stay as they are', async (t) => {
    const network = await startNetwork(t, open);
    const { origin, asked } = await servePages(t, open, { ...pages, '/lending': lendingPage({ origin: network.url.slice(0, -1) }) });
    const page = await openOT(t, browser, `${origin}/lending`);
    await waitTold(page, 'sessionConnected');
    const since = () => asked.splice(0).filter((each) => !each.includes('/left ')); // one that was left may come late, or never

    await t.test('XMLHttpRequest: no body of a GET, one answer of a request that is opened again, no second send', async () => {
      const outcomes = await page.evaluate(async () => {
        const outcomes = [await ask('/chat_entries/latest/x', { body: '' })];
        for (const address of ['/jquery.js', '/chat_entries/latest/x']) {
          const again = new XMLHttpRequest();
          const events = ended(again);
          again.open('GET', '/chat_entries/latest/left');
          again.send();
          again.open('GET', address);
          again.send();
          outcomes.push(await events);
        }
        const twice = new XMLHttpRequest();
        const events = ended(twice);
        twice.open('POST', '/chat_entries/add');
        twice.abort(); // nothing was sent yet
        twice.send(form(session.connection.connectionId));
        for (const change of [() => twice.send('again'), () => twice.setRequestHeader('a', 'b')]) {
          try {
            change();
            outcomes.push('taken');
          } catch ({ name }) {
            outcomes.push(name);
          }
        }
        outcomes.push(await events);
        const restarted = new XMLHttpRequest();
        restarted.open('GET', '/chat_entries/latest/x');
        restarted.onreadystatechange = () => {
          if (restarted.readyState !== 4) return;
          restarted.onreadystatechange = null;
          restarted.open('GET', '/jquery.js');
          restarted.send();
        };
        restarted.send();
        outcomes.push(await ended(restarted));
        const legacy = new XMLHttpRequest();
        legacy.open('GET', '/jquery.js', undefined); // synchronous, as browsers take it
        legacy.send();
        return [...outcomes, legacy.status];
      });
      assert.deepEqual(outcomes, ['load 200,loadend 200', 'load 200,loadend 200', 'load 200,loadend 200', 'InvalidStateError', 'InvalidStateError', 'load 200,loadend 200', 'load 200,loadend 200', 200]);
      assert.deepEqual(since().filter((each) => !each.startsWith('GET')), ['POST /chat_entries/add lent']);
    });

    await t.test('fetch: headers that can be read once, invalid ones, inherited options, a Request, its own token', async () => {
      const outcomes = await page.evaluate(async () => {
        const own = session.connection.connectionId;
        const once = function* () { yield ['mark', 'marked']; };
        const tried = (...from) => {
          try {
            return fetch(...from).then(({ status }) => status, ({ name }) => name);
          } catch (error) {
            return `thrown ${error}`;
          }
        };
        return Promise.all([
          await tried('/chat_entries/latest/x/y', { headers: once() }),
          await tried('/chat_entries/latest/x', { headers: once() }),
          await tried('/jquery.js', { headers: { 'a b': 'c' } }),
          await tried('/chat_entries/latest/x', { headers: { 'a b': 'c' } }),
          await tried('/chat_entries/add', Object.create({ method: 'POST', body: form(own) })),
          await tried(new Request('/chat_entries/add', { method: 'post', body: form(own) })),
          await tried(new Request('/chat_entries/latest/x', { headers: { mark: 'marked' } })),
          await tried(new Request('/chat_entries/latest/x'), { headers: { authorization: 'Bearer own' } }),
          await tried('/chat_entries/latest/x', { headers: { authorization: 'Bearer own' } }),
        ]);
      });
      assert.deepEqual(outcomes, [404, 200, 'TypeError', 'TypeError', 200, 200, 200, 401, 401]);
      assert.deepEqual(since(), [
        'GET /chat_entries/latest/x/y bare marked',
        'GET /chat_entries/latest/x lent marked',
        'POST /chat_entries/add lent',
        'POST /chat_entries/add lent',
        'GET /chat_entries/latest/x lent marked',
        'GET /chat_entries/latest/x own',
        'GET /chat_entries/latest/x own',
      ]);
    });

    await t.test('what is sent without the token says so', async () => {
      const outcomes = await page.evaluate(async () => {
        const synchronous = (address) => {
          const xhr = new XMLHttpRequest();
          xhr.open('GET', address, false);
          xhr.send();
          return xhr.status;
        };
        const statuses = [synchronous('/jquery.js'), synchronous('/chat_entries/latest/x')];
        for (const type of ['blob', 'json']) statuses.push(await ask('/chat_entries/latest/x', { type }));
        return [statuses, warnings];
      });
      const warning = 'OT: GET /chat_entries/latest/x is sent without a token, since it is synchronous or not of text';
      assert.deepEqual(outcomes, [[200, 401, 'load 401,loadend 401', 'load 200,loadend 200'], [warning, warning]]);
      since();
    });

    await t.test('of several sessions the one that a request is about, of OT none; during an outage; after disconnect', async () => {
      await page.evaluate(async () => {
        OT.initSession('1127', 'lending');
        globalThis.other = TB.initSession('1127', 'other');
        await other.connect.promise('devtoken');
        if (TB.initSession('lending') !== session || TB.initSession('other') !== other) throw new Error('another session');
      });
      const everyWay = () =>
        page.evaluate(async () => {
          const statuses = [];
          for (const id of globalThis.ids ??= [session, other].map(({ connection }) => connection.connectionId)) {
            const body = form(id);
            const data = new FormData();
            body.forEach((value, name) => data.set(name, value));
            const headers = { 'content-type': 'application/x-www-form-urlencoded' };
            for (const form of [{ body }, { body: data }, { body: String(body), headers }]) {
              statuses.push((await ask('/chat_entries/add', { method: 'POST', ...form })).slice(-3));
              statuses.push(String((await fetch('/chat_entries/add', { method: 'POST', ...form })).status));
            }
            const latest = await fetch(`/chat_entries/latest/${id}`);
            statuses.push(`${latest.status} ${latest.ok ? (await latest.json())?.chat_entry.connectionId === id : ''}`);
            statuses.push((await ask(`/chat_entries/latest/${id}`)).slice(-3));
          }
          return statuses.join();
        });
      const all = (status) => Array(2).fill([...Array(6).fill(status), status === '200' ? '200 true' : `${status} `, status]).join();
      assert.equal(await everyWay(), all('200'));

      network.off();
      await waitTold(page, 'sessionReconnecting');
      assert.equal(await everyWay(), all('200'));
      network.on();
      await page.evaluate(() => void dispatchEvent(new Event('online')));
      await waitTold(page, 'sessionReconnected');

      since();
      await page.evaluate(() => Promise.all([session.disconnect(), other.disconnect()]));
      assert.equal(await everyWay(), all('401'));
      assert.deepEqual(new Set(since().map((each) => each.split(' ')[2])), new Set(['bare']));
    });
  });

  await t.test('a page as people wrote them: its sizes, its handlers, its signals and its routes', async (t) => {
    const { origin, asked } = await servePages(t, open, pages);
    const ann = await openOT(t, browser, `${origin}/own`);
    await play(ann, '#mine .OT_video-element');
    await waitTold(ann, 'stream mine');
    const bob = await openOT(t, browser, `${origin}/own`);
    for (const page of [ann, bob]) {
      await play(page, '#theirs .OT_video-element');
      await waitTold(page, 'stream theirs');
    }
    // Earlier streams are only in sessionConnected; later ones, the page's own included, have an event.
    assert.deepEqual(await ann.evaluate(() => told.filter((each) => !/^hasVideo|^videoDim/.test(each))), ['sessionConnected 1 0', 'accessAllowed', 'stream mine', 'connectionCreated 1', 'stream theirs']);
    assert.deepEqual(await bob.evaluate(() => told.filter((each) => !/^hasVideo|^videoDim/.test(each))), ['sessionConnected 2 1', 'stream theirs', 'accessAllowed', 'stream mine']);

    const sized = await bob.evaluate(() => {
      const subscriber = Object.values(subscribers)[0];
      const element = document.getElementById(subscriber.id);
      const size = () => [element.offsetWidth, element.offsetHeight];
      const first = size();
      element.width = 200;
      element.height = 150;
      const second = [...size(), element.width, element.height];
      element.setAttribute('width', '100');
      return Promise.resolve().then(() => [subscriber.id.startsWith('stream'), first, second, size(), publisher.id, document.getElementById('publisherDiv').offsetWidth]);
    });
    assert.deepEqual(sized, [true, [320, 240], [200, 150, 200, 150], [100, 150], 'publisherDiv', 120]);

    await ann.evaluate(() => postChatEntry('good morning'));
    for (const page of [ann, bob]) await page.locator('#chat p', { hasText: 'good morning' }).waitFor();
    await bob.evaluate((id) => postChatEntry('not me', id), await ann.evaluate(() => session.connection.connectionId));
    await bob.waitForFunction(() => failures.length === 1);
    assert.deepEqual(await bob.evaluate(() => failures), ['403 FORBIDDEN']);
    assert.equal(await bob.locator('#chat p').count(), 1);

    // The token is only added for the two paths on the page's own origin, and is not sent on by a redirect.
    asked.length = 0;
    const outcomes = await bob.evaluate(async (server) => {
      const request = (url, method = 'GET', headers = {}) =>
        new Promise((resolve) => {
          const xhr = new XMLHttpRequest();
          xhr.open(method, url);
          for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
          xhr.onload = () => resolve(xhr.status);
          xhr.onerror = () => resolve('error');
          xhr.send();
        });
      const fetched = (url, init) => fetch(url, init).then(({ status }) => status, () => 'error');
      return [
        await request('/chat_entries/latest/redirected'),
        await fetched('/chat_entries/latest/redirected'),
        await fetched('/chat_entries/latest/x/y'),
        await request('/chat_entries/latest/x', 'GET', { authorization: 'Bearer own' }),
        await fetched('/chat_entries/latest/x', { method: 'DELETE' }),
        await request('/chat_entries/adds', 'POST'),
        await fetched(`${server}/chat_entries/latest/x`),
        await request(`${server}/chat_entries/latest/x`),
        await request('/chat_entries/latest/x'),
      ];
    }, open.origin);
    assert.deepEqual(outcomes, ['error', 'error', 404, 401, 405, 404, 401, 401, 200]);
    assert.deepEqual(asked, [
      'GET /chat_entries/latest/redirected lent',
      'GET /chat_entries/latest/redirected lent',
      'GET /chat_entries/latest/x/y bare',
      'GET /chat_entries/latest/x own',
      'DELETE /chat_entries/latest/x bare',
      'POST /chat_entries/adds bare',
      'GET /chat_entries/latest/x lent',
    ]);

    // The page's handlers remove the elements themselves, which is no error.
    await bob.evaluate(() => session.unpublish(publisher));
    await waitTold(bob, 'streamDestroyed mine clientDisconnected');
    await waitTold(ann, 'streamDestroyed theirs clientDisconnected');
    assert.equal(await ann.locator('#theirs .OT_subscriber').count(), 0);
    assert.equal(await bob.locator('#publisherDiv').count(), 1); // its handler prevented the default action
    await bob.evaluate(() => session.disconnect());
    await waitTold(bob, 'sessionDisconnected clientDisconnected');
    await waitTold(ann, 'connectionDestroyed 1 clientDisconnected');
  });

  await t.test('a publisher whose camera is denied, and what of the first version is not here', async (t) => {
    const { origin } = await servePages(t, open, pages);
    const denying = await startBrowser(t, { camera: 'denied' });
    const bob = await openOT(t, browser, `${origin}/widget`);
    await play(bob, '#box .OT_video-element', 1);
    const ann = await openOT(t, denying, `${origin}/widget`);
    await waitTold(ann, 'exception 1500');
    await play(ann, '#box .OT_video-element', 1);
    assert.equal(await ann.locator('#opentok_publisher').count(), 0);
    assert.deepEqual(await tiles(ann, 'box'), [[100, 0, 400, 300]]);

    // One who may only publish is shown no empty tiles.
    const eve = await openOT(t, browser, `${origin}/publisher-only`);
    await play(eve, '#box .OT_video-element', 1);
    assert.deepEqual(await tiles(eve, 'box'), [[100, 0, 400, 300]]);
    await play(bob, '#box .OT_video-element', 2);
    assert.deepEqual(await eve.evaluate(() => told), []);
    await eve.evaluate(() => session.disconnect());
    await play(bob, '#box .OT_video-element', 1);

    const own = await openOT(t, denying, `${origin}/own`);
    await waitTold(own, 'accessDenied');
    await waitTold(own, 'exception 1500 Unable to Publish');

    // Methods that are not here do nothing but warn.
    const devices = await bob.evaluate(() => {
      const manager = TB.initDeviceManager('1127');
      const detected = new Promise((resolve) => manager.addEventListener('devicesDetected', ({ cameras, microphones }) => resolve([cameras.length, microphones.length])));
      manager.displayPanel('box');
      manager.detectDevices();
      TB.initRecorderManager('1127').displayRecorder('box');
      session.getStateManager().set('key', 'value');
      session.createArchive('1127', 'perSession');
      return detected;
    });
    assert.ok(devices[0] >= 1 && devices[1] >= 1, String(devices));
    const places = await bob.evaluate(() => {
      OT_LayoutContainer.removeStream('nobodys'); // not there
      OT_LayoutContainer.addStream('more', false);
      OT_LayoutContainer.layout();
      return [...document.getElementById('box').children].map(({ style }) => [style.left, style.width]);
    });
    assert.deepEqual(places, [['0px', '300px'], ['300px', '300px']]);
  });
});
