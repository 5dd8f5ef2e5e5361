import { expect, test } from 'vitest';
import { endpointOf } from '../src/address.ts';

const script = 'https://chat.example/prefix/sdk/chattok.js';

test('the server is where the script came from, unless the page says otherwise', () => {
  expect(endpointOf(undefined, script).href).toBe('https://chat.example/prefix/graphql');
  expect(endpointOf(undefined, `${script}?v=1#x`).href).toBe('https://chat.example/prefix/graphql');
  expect(endpointOf(undefined, 'https://chat.example/prefix/sdk/1.2.0-dev+0123/chattok.js').href).toBe('https://chat.example/prefix/graphql');
  expect(endpointOf('http://127.0.0.1:8080', script).href).toBe('http://127.0.0.1:8080/graphql');
  expect(endpointOf('https://other.example/a/b', script).href).toBe('https://other.example/a/b/graphql');
  expect(endpointOf(new URL('https://other.example/a/b/'), script).href).toBe('https://other.example/a/b/graphql');
});

test('the endpoint itself is an address too', () => {
  expect(endpointOf('https://chat.example/graphql', script).href).toBe('https://chat.example/graphql');
  expect(endpointOf('https://chat.example/prefix/graphql/', script).href).toBe('https://chat.example/prefix/graphql');
});

test('what is no address is refused by name', () => {
  expect(() => endpointOf('no address', script)).toThrow(/^url is not an address: no address$/);
  expect(() => endpointOf('ws://chat.example', script)).toThrow(/^url begins with ws:; give https:/);
  expect(() => endpointOf(undefined, 'file:///home/me/chattok.js')).toThrow(/^url is needed/);
});

test('an address is guessed from a server\'s script alone, not from where a bundler put it', () => {
  for (const elsewhere of [
    'http://localhost:5173/node_modules/.vite/deps/@chattok_sdk.js',
    'https://app.example/assets/index-4f2a.js',
    'https://app.example/vendor/chattok.js',
    'https://app.example/sdk/chattok.js.map',
    'https://app.example/sdk/vendor/chattok.js',
    'https://app.example/sdk/1.2.0/more/chattok.js',
  ]) {
    expect(() => endpointOf(undefined, elsewhere)).toThrow(/url is needed.*pass the server's address: connect\(\{ url: /);
  }
});
