import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { serverStateDocument, type ServerStateQuery } from '../generated/operations.ts';
import { bytes, count, milliseconds, perSecond, span } from '../model/format.ts';
import { usePoll } from '../model/poll.ts';
import { inWords } from '../model/words.ts';
import { Graph } from '../ui/Graph.tsx';
import { Problem, Title } from '../ui/Title.tsx';

type Metrics = ServerStateQuery['server']['metrics'];
type Sample = Metrics['samples'][number];

const every = 5_000;
const mostSamples = 360; // an hour, one each ten seconds

const uncommitted = 'Nothing was committed in this time.';

const graphs: readonly [title: string, value: (sample: Sample) => number | null, format: (value: number) => string, none?: string][] = [
  ['Sockets', ({ sockets, httpStreams }) => sockets + httpStreams, count],
  ['Connections', ({ connections }) => connections, count],
  ['Subscriptions', ({ subscriptions }) => subscriptions, count],
  ['New entries', ({ entriesPerSecond }) => entriesPerSecond, perSecond],
  ['Commits', ({ commitsPerSecond }) => commitsPerSecond, perSecond],
  ['Deliveries', ({ deliveriesPerSecond }) => deliveriesPerSecond, perSecond],
  ['A commit takes', ({ commitMs }) => commitMs, milliseconds, uncommitted],
  ['Slowest commit', ({ slowestCommitMs }) => slowestCommitMs, milliseconds, uncommitted],
  ['Memory', ({ memoryBytes }) => memoryBytes, bytes],
  ['Database', ({ databaseBytes }) => databaseBytes, bytes],
];

/** The nodes, and the last hour of the one that answers. */
export function Server({ title }: { title: string }) {
  const kept = useSignal<Metrics | undefined>(undefined);
  const newest = useSignal<string | null>(null);
  // The time of the newest sample is not part of the poll's key: each request asks for what has come since the last.
  const { data, error, again } = usePoll(serverStateDocument, () => ({ after: newest.peek() }), every, 'server');
  useEffect(() => {
    if (data === undefined) return;
    const { metrics } = data.server;
    const before = kept.peek();
    if (before !== undefined && before.nodeId !== metrics.nodeId) {
      // A balancer has chosen another node, or the node was started anew: its samples are asked for from their beginning.
      kept.value = undefined;
      newest.value = null;
      return again();
    }
    kept.value = { ...metrics, samples: [...(before?.samples ?? []), ...metrics.samples].slice(-mostSamples) };
    newest.value = kept.value.samples.at(-1)?.at ?? null;
  }, [data]);

  const samples = kept.value?.samples ?? [];
  const server = data?.server;
  return (
    <>
      <Title>{title}</Title>
      <Problem>{error && inWords(error)}</Problem>
      {server !== undefined && (
        <p class="hint">
          ChatTok {server.version}. {server.nodes.length === 1 ? 'One node serves' : `${server.nodes.length} nodes serve`} the database.
        </p>
      )}
      <h2>The last hour {server !== undefined && server.nodes.length > 1 && 'of the node that answers'}</h2>
      <div class="graphs">
        {graphs.map(([name, value, format, none]) => (
          <Graph key={name} title={name} format={format} none={none} points={samples.map((sample) => ({ at: Date.parse(sample.at), value: value(sample) }))} />
        ))}
      </div>
      <h2>Nodes</h2>
      {server !== undefined && <Nodes nodes={server.nodes} />}
    </>
  );
}

function Nodes({ nodes }: { nodes: ServerStateQuery['server']['nodes'] }) {
  const figure = (value: number | null): string => (value === null ? '–' : count(value));
  return (
    <div class="card scrolls" tabIndex={0} role="region" aria-label="Nodes">
      <table>
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col" class="number">Sockets</th>
            <th scope="col" class="number">Connections</th>
            <th scope="col" class="number wide">Subscriptions</th>
            <th scope="col" class="wide">Version</th>
            <th scope="col" class="number">Up for</th>
            <th scope="col" class="number wide">Told</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <tr key={node.id}>
              <th scope="row">
                <code>{node.id}</code>
                {node.answering && <small>answers this page</small>}
              </th>
              <td class="number">{figure(node.sockets === null ? null : node.sockets + (node.httpStreams ?? 0))}</td>
              <td class="number">{figure(node.connections)}</td>
              <td class="number wide">{figure(node.subscriptions)}</td>
              <td class="wide">{node.version ?? '–'}</td>
              <td class="number">{node.startedAt === null ? '–' : span(Date.parse(node.startedAt), Date.now())}</td>
              <td class="number wide">{node.reportedAt === null ? '–' : `${span(Date.parse(node.reportedAt), Date.now())} ago`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
