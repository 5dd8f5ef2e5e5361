// A plugin for GraphQL Code Generator. It emits each operation as a minified string, with its fragments and typed by its
// variables and data, so that the browser needs no GraphQL parser. Fragments are constants, which operations share, and operations have
// no names in the text: both keep the script small.
const { print, stripIgnoredCharacters, visit } = require('graphql');

/** Returns the names of the fragments that a definition spreads directly. */
function spreads(node) {
  const names = new Set();
  visit(node, { FragmentSpread: ({ name }) => void names.add(name.value) });
  return names;
}

/** Returns the names of all the fragments that a definition needs, each once. */
function needs(node, fragments) {
  const needed = new Set();
  const collect = (definition) => {
    for (const name of spreads(definition)) {
      if (needed.has(name)) continue;
      needed.add(name);
      collect(fragments.get(name));
    }
  };
  collect(node);
  return [...needed];
}

/** Returns the name of a fragment's constant. */
function constantOf(fragment) {
  return `${fragment[0].toLowerCase()}${fragment.slice(1)}Fragment`;
}

function minified(node) {
  return stripIgnoredCharacters(print(node));
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
    lines.push('', ...[...fragments].map(([name, node]) => `const ${constantOf(name)} = '${minified(node)}';`));
    for (const node of definitions) {
      if (node.kind !== 'OperationDefinition') continue;
      const name = node.name.value;
      const kind = node.operation[0].toUpperCase() + node.operation.slice(1);
      const shared = needs(node, fragments).map((each) => `\${${constantOf(each)}}`);
      const quote = shared.length > 0 ? '`' : "'";
      const types = `Document<${name}${kind}, ${name}${kind}Variables>`;
      lines.push('', `export const ${name[0].toLowerCase()}${name.slice(1)}Document: ${types} =`, `  ${quote}${minified({ ...node, name: undefined })}${shared.join('')}${quote};`);
    }
    return lines.join('\n');
  },
};
