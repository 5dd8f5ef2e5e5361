// Introspection through two independent tools: graphql-js, and Python's graphql-core.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'node:test';
import { buildClientSchema, getIntrospectionQuery, validateSchema } from 'graphql';
import { startServer } from './server.mjs';

const everything = getIntrospectionQuery({
  descriptions: true,
  directiveIsRepeatable: true,
  inputValueDeprecation: true,
  schemaDescription: true,
  specifiedByUrl: true,
  oneOf: true,
});

test('graphql-js builds the schema, which declares what is executed and no more', async (t) => {
  const server = await startServer(t);
  const schema = buildClientSchema(await server.run(everything));
  assert.deepEqual(validateSchema(schema), []);
  const directives = schema.getDirectives().map(({ name, locations }) => `${name} ${[...locations].sort().join(' ')}`);
  assert.deepEqual(directives.sort(), [
    'deprecated ARGUMENT_DEFINITION ENUM_VALUE FIELD_DEFINITION INPUT_FIELD_DEFINITION',
    'include FIELD FRAGMENT_SPREAD INLINE_FRAGMENT',
    'oneOf INPUT_OBJECT',
    'skip FIELD FRAGMENT_SPREAD INLINE_FRAGMENT',
    'specifiedBy SCALAR',
  ]);
  const { __type } = await server.run('{__type(name:"__DirectiveLocation"){enumValues{name}}}');
  assert.ok(!__type.enumValues.some(({ name }) => name === 'DIRECTIVE_DEFINITION'));
});

test("Python's graphql-core builds the same schema", async (t) => {
  const server = await startServer(t);
  const introspection = await server.run(getIntrospectionQuery());
  // Works with graphql-core 3, and with version 2, which Debian packages.
  const program = `
import json, sys
import graphql
introspection = json.load(sys.stdin)
if hasattr(graphql, "build_client_schema"):
    schema = graphql.build_client_schema(introspection)
    assert graphql.validate_schema(schema) == []
    types, directives = schema.type_map, schema.directives
    named = lambda location: location.name
else:
    from graphql.utils.build_client_schema import build_client_schema
    schema = build_client_schema(introspection)
    types, directives = schema.get_type_map(), schema.get_directives()
    named = lambda location: location
print(json.dumps([sorted(types), sorted([d.name] + sorted(named(l) for l in d.locations) for d in directives)]))
`;
  const python = await pythonWithGraphQL();
  const run = promisify(execFile)(python, ['-c', program]);
  run.child.stdin.end(JSON.stringify(introspection));
  const { stdout } = await run;
  const schema = buildClientSchema(introspection);
  assert.deepEqual(JSON.parse(stdout), [
    Object.keys(schema.getTypeMap()).sort(),
    schema
      .getDirectives()
      .map(({ name, locations }) => [name, ...[...locations].sort()])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
});

/** Finds a Python with graphql-core: the first on the path, or Debian's. */
async function pythonWithGraphQL() {
  for (const python of ['python3', '/usr/bin/python3']) {
    const found = await promisify(execFile)(python, ['-c', 'import graphql']).catch(() => undefined);
    if (found) return python;
  }
  throw new Error('no Python has graphql-core: run install.sh');
}

test('without introspection nothing is suggested', async (t) => {
  const server = await startServer(t, { CHATTOK_INTROSPECTION: 'false' });
  const wrong = [
    '{sesion{id}}',
    '{session{idd}}',
    '{session}',
    '{chatEntries(frist:1){nodes{seq}}}',
    'query($c:IDD){chatEntries(connectionId:$c){nodes{seq}}}',
    'mutation{publishStream(videoType:CAMRA){id}}',
    'mutation{publishStream(videoType:"CAMRA"){id}}',
    'mutation{negotiate(streamId:"s",to:"t",candidate:{candidat:""}){to}}',
    '{session @skipp(if:true){id}}',
    'mutation($i:IceCandidateInput){negotiate(streamId:"s",to:"t",candidate:$i){to}}',
  ];
  for (const query of wrong) {
    const response = await fetch(server.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body: JSON.stringify({ query, variables: { i: { candidat: '' } } }),
    });
    const { errors } = await response.json();
    assert.equal(response.status, 400, query);
    for (const { message } of errors) assert.doesNotMatch(message, /did you mean/i, query);
  }
});
