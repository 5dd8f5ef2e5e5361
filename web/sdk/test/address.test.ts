import { expect, test } from 'vitest';
import { endpointOf } from '../src/address.ts';

const script = 'https://chat.example/prefix/sdk/chattok.js';

test('the server is where the script came from, unless the page says otherwise', () => {
  expect(endpointOf(undefined, script).href).toBe('https://chat.example/prefix/graphql');
  expect(endpointOf('http://127.0.0.1:8080', script).href).toBe('http://127.0.0.1:8080/graphql');
  expect(endpointOf('https://other.example/a/b', script).href).toBe('https://other.example/a/b/graphql');
  expect(endpointOf(new URL('https://other.example/a/b/'), script).href).toBe('https://other.example/a/b/graphql');
});

test('what is no address is refused by name', () => {
  expect(() => endpointOf('no address', script)).toThrow(/^url is not an address: no address$/);
  expect(() => endpointOf(undefined, 'file:///home/me/chattok.js')).toThrow(/^url is needed/);
});
