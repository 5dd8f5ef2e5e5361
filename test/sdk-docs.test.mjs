// Runs the recipes of docs/sdk.md word for word; only the server's address is replaced. The first page of the docs is tested in
// sdk.test.mjs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { atEnd } from './at-end.mjs';
import { patience, startBrowser } from './app.mjs';
import { startServer } from './server.mjs';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const web = join(here, '../web');
const secret = 's'.repeat(32);

/** Returns the one code block of docs/sdk.md in a language that contains a text. */
async function recipe(language, holding) {
  const text = await readFile(join(here, '../docs/sdk.md'), 'utf8');
  const blocks = [...text.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(([, code]) => code);
  const found = blocks.filter((code) => code.includes(holding));
  assert.equal(found.length, 1, `${found.length} recipes hold ${holding}`);
  return found[0];
}

async function newFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), 'chattok-docs-'));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Bundles React and its DOM as one module. */
async function react(t) {
  const { rolldown } = await import(pathToFileURL(createRequire(join(web, 'sdk/')).resolve('rolldown')));
  const input = join(await newFolder(t), 'react.js');
  await writeFile(input, "export * as React from 'react';\nexport { createRoot } from 'react-dom/client';\n");
  const bundle = await rolldown({
    input,
    platform: 'browser',
    resolve: { modules: [join(web, 'examples/apollo/node_modules')] },
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  });
  const { output } = await bundle.generate({ format: 'es' });
  await bundle.close();
  return output[0].code;
}

test('docs/sdk.md, word for word', async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret });
  const at = (code) => code.replaceAll('http://127.0.0.1:8080', server.origin);

  await t.test('in Node', async (t) => {
    const folder = await newFolder(t);
    await symlink(join(here, 'node_modules'), join(folder, 'node_modules'));
    await copyFile(join(web, 'sdk/dist/chattok.js'), join(folder, 'chattok.js'));
    await writeFile(join(folder, 'recipe.mjs'), at(await recipe('js', "from 'ws'")));
    await run(process.execPath, ['recipe.mjs'], { cwd: folder, timeout: patience });
    const connect = 'mutation { connect(sessionId: "demo") { accessToken } }';
    const { accessToken } = (await server.run(connect)).connect;
    const { chatEntries } = await server.run('{ chatEntries(last: 1) { nodes { body } } }', {}, { authorization: `Bearer ${accessToken}` });
    assert.deepEqual(chatEntries.nodes, [{ body: 'from Node' }]);
  });

  await t.test('types of the URL', async (t) => {
    const folder = await newFolder(t);
    const types = await fetch(`${server.origin}/sdk/chattok.d.ts`);
    assert.equal(types.headers.get('content-type'), 'application/typescript; charset=utf-8');
    await writeFile(join(folder, 'chattok.d.ts'), await types.text());
    const config = JSON.parse(await recipe('json', '"paths"'));
    Object.assign(config.compilerOptions, { strict: true, noEmit: true, target: 'es2022', module: 'esnext', moduleResolution: 'bundler', types: [] });
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ ...config, files: ['page.ts'] }));
    const page = (use) => `import { connect } from 'http://127.0.0.1:8080/sdk/chattok.js'\nconst session = await connect({ session: 'demo' })\n${use}\nexport {}\n`;
    const tsc = join(web, 'sdk/node_modules/.bin/tsc');
    await writeFile(join(folder, 'page.ts'), page('const seq: number = (await session.post("x")).seq; void seq'));
    await run(tsc, ['-p', '.'], { cwd: folder });
    await writeFile(join(folder, 'page.ts'), page('const seq: string = (await session.post("x")).seq; void seq'));
    await assert.rejects(run(tsc, ['-p', '.'], { cwd: folder }), ({ stdout }) => /TS2322/.test(stdout));
  });

  await t.test('in a page: a token function, a component of React, and changes of entries', async (t) => {
    let invited = true;
    const create = 'mutation { createSession(id: "standup") { id } createToken(sessionId: "standup", data: "Ann") { token } }';
    const { token } = (await server.run(create, {}, { authorization: `Bearer ${secret}` })).createToken;
    const withToken = at(await recipe('js', "'/session-token'"));
    const withReact = at(await recipe('js', 'useSyncExternalStore'));
    const pages = {
      '/token': `<!doctype html><script type="module" src="/token.js"></script>`,
      '/token.js': `try { await (async () => { const { session } = await import('/recipe.js'); document.title = session.id; })() } catch ({ code }) { document.title = code }`,
      '/recipe.js': `${withToken}\nexport { session }`,
      '/react': `<!doctype html><div id="root"></div><script type="module" src="/main.js"></script>`,
      '/main.js': `import { React, createRoot } from '/react.js'; globalThis.React = React;
        const { useSession } = await import('/use.js');
        const View = () => React.createElement('p', null, useSession().state.name + ' ' + useSession().connectionCount);
        createRoot(document.getElementById('root')).render(React.createElement(View));`,
      '/use.js': withReact,
      '/react.js': await react(t),
      '/preview': `<!doctype html><script type="module" src="/preview.js"></script>`,
      '/preview.js': `${at(await recipe('js', 'import { preview }'))}
        document.title = connectionCount + ' ' + connections.map(({ data }) => data)`,
      '/changes': `<!doctype html><script type="module" src="/changes.js"></script>`,
      '/changes.js': `${at(await recipe('js', 'replyTo: id'))}
        document.title = session.store.get().entries.map(({ body, deletedAt }) => body || (deletedAt && 'deleted')).join()`,
    };
    const origin = http.createServer((request, response) => {
      if (request.url === '/session-token') return response.writeHead(invited ? 200 : 403).end(invited ? token : '');
      const type = request.url.endsWith('.js') ? 'text/javascript' : 'text/html';
      response.writeHead(pages[request.url] ? 200 : 404, { 'content-type': `${type}; charset=utf-8` }).end(pages[request.url]);
    });
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    atEnd(t, () => {
      origin.closeAllConnections();
      origin.close();
    });
    const browser = await startBrowser(t);
    const page = await browser.newPage();
    page.setDefaultTimeout(patience);
    const address = `http://127.0.0.1:${origin.address().port}`;
    await page.goto(`${address}/token`);
    await page.waitForFunction(() => document.title === 'standup');
    invited = false;
    await page.goto(`${address}/token`);
    await page.waitForFunction(() => document.title === 'FORBIDDEN');
    await page.goto(`${address}/react`);
    await page.getByText(/^live \d+$/).waitFor();
    const watching = await browser.newPage();
    await watching.goto(`${address}/preview`);
    await watching.waitForFunction(() => /^\d+ .*Ann/.test(document.title)); // the page with React is inside
    await page.goto(`${address}/changes`);
    await page.waitForFunction(() => document.title === 'deleted,Yes');
  });
});
