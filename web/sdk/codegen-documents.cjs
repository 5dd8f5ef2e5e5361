// A plugin of GraphQL Code Generator: every operation as a string without what a server ignores, with the fragments it
// spreads, and with the types of its variables and its data. No parser has to be loaded in the browser.
const { print, stripIgnoredCharacters, visit } = require('graphql');

/** The names of the fragments that a definition spreads. */
function spreads(node) {
  const names = new Set();
  visit(node, { FragmentSpread: ({ name }) => void names.add(name.value) });
  return names;
}

/** A definition and all fragments that it needs, each once. */
function withFragments(node, fragments) {
  const needed = new Set();
  const collect = (definition) => {
    for (const name of spreads(definition)) {
      if (needed.has(name)) continue;
      needed.add(name);
      collect(fragments.get(name));
    }
  };
  collect(node);
  return [node, ...[...needed].map((name) => fragments.get(name))];
}

module.exports = {
  plugin(_schema, documents) {
    const definitions = documents.flatMap(({ document }) => document.definitions);
    const fragments = new Map(
      definitions.filter(({ kind }) => kind === 'FragmentDefinition').map((node) => [node.name.value, node]),
    );
    const lines = [
      '',
      '/** An operation, with the types of its data and variables. */',
      'export type Document<Data, Variables> = string & { readonly __types?: (variables: Variables) => Data };',
    ];
    for (const node of definitions) {
      if (node.kind !== 'OperationDefinition') continue;
      const name = node.name.value;
      const kind = node.operation[0].toUpperCase() + node.operation.slice(1);
      const text = stripIgnoredCharacters(withFragments(node, fragments).map(print).join('\n'));
      const types = `Document<${name}${kind}, ${name}${kind}Variables>`;
      lines.push('', `export const ${name[0].toLowerCase()}${name.slice(1)}Document: ${types} =`, `  '${text}';`);
    }
    return lines.join('\n');
  },
};
