// A reverse proxy before the server, with https and a path prefix that it strips.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { generate } from 'selfsigned';
import { atEnd } from './at-end.mjs';

/** Starts the proxy, which ends with the test t. */
export async function startProxy(t, target, prefix) {
  const { private: key, cert } = await generate([{ name: 'commonName', value: '127.0.0.1' }]);
  const strip = (request) => {
    const { method, headers, url } = request;
    if (!url.startsWith(`${prefix}/`)) return undefined;
    return http.request(new URL(url.slice(prefix.length), target), { method, headers });
  };
  const proxy = https.createServer({ key, cert }, (request, response) => {
    const onward = strip(request);
    if (!onward) return response.writeHead(404).end();
    onward.on('error', () => response.destroy());
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  const open = new Set();
  proxy.on('upgrade', (request, socket, head) => {
    const onward = strip(request);
    if (!onward) return socket.destroy();
    onward.on('error', () => socket.destroy());
    onward.on('response', () => socket.destroy()); // a refused upgrade, which no test expects
    onward.on('upgrade', (answer, inner, rest) => {
      const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
      for (let i = 0; i < answer.rawHeaders.length; i += 2) {
        lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
      }
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      inner.unshift(rest);
      socket.unshift(head);
      socket.pipe(inner).pipe(socket);
      for (const end of [socket, inner]) {
        end.on('error', () => [socket, inner].forEach((either) => either.destroy()));
      }
      open.add(socket).add(inner);
    });
    onward.end();
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  atEnd(t, () => {
    open.forEach((socket) => socket.destroy());
    proxy.closeAllConnections();
    proxy.close();
  });
  return { origin: `https://127.0.0.1:${proxy.address().port}` };
}
