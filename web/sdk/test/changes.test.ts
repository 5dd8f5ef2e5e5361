// Entries that change, and the changes that this page asks for.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { open, type ChatEntry, type Session } from '../src/index.ts';
import { added, changed, entry, failure, FakeServer, unknown, type FakeEntry, type Operation } from './fake-server.ts';

let server: FakeServer;
let sessions: Session[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  server = new FakeServer();
  server.userId = 'ann';
  sessions = [];
});

afterEach(() => {
  sessions.forEach((session) => void session.disconnect());
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const soon = () => vi.advanceTimersByTimeAsync(0);
const later = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

async function start(options = {}) {
  const session = open({ url: 'http://server.example/', session: 'demo', data: 'me', persist: false, ...options });
  sessions.push(session);
  const changes: string[] = [];
  const refused: unknown[] = [];
  session.on('entryChanged', ({ entry: { seq, version }, change }) => changes.push(`${seq} ${change} ${version}`));
  session.on('changeRefused', ({ change, error }) => refused.push([change, error.code, error.reason]));
  await session.ready;
  return { session, changes, refused };
}

const log = (event: object) => server.socket.next('LogEvents', event);
const rows = (session: Session) => session.store.get().entries;
const row = (session: Session, seq: number) => rows(session).find((each) => each.seq === seq)!;
const bodies = (session: Session) => rows(session).map(({ body }) => body);
const ran = (name: string) => server.sockets.flatMap(({ operations }) => operations.filter((each) => each.name === name));
const mine = (seq: number, body = `${seq}`): FakeEntry => ({ ...entry(seq, body, 'me1'), userId: 'ann' });
const edited = (of: FakeEntry, body: string, version = of.version + 1) => ({ ...of, body, version, editedAt: '2026-01-01T00:01:00.000Z' });
const deleted = (of: FakeEntry, version = of.version + 1) => ({ ...of, body: '', version, reactions: [], deletedAt: '2026-01-01T00:02:00.000Z', deletedBy: 'bob' });
const answer = (name: string, field: string, of: FakeEntry, myReactions: string[] = []) =>
  server.socket.next(name, { data: { [field]: { ...of, myReactions } } });

/** Answers all operations that change entries, as the server does, and records them. */
function serving() {
  const done: string[] = [];
  const entries = new Map<string, FakeEntry>();
  const before = server.onOperation;
  server.onOperation = (socket, operation: Operation) => {
    const { id, name, variables: v } = operation;
    const say = (data: object) => socket.say({ id, type: 'next', payload: { data } });
    const known = entries.get(String(v['id']));
    if (name === 'AddChatEntry') {
      const of = { ...mine(entries.size + 1, String(v['body'])), replyTo: v['replyTo'] ? { id: String(v['replyTo']) } : null };
      entries.set(of.id, of);
      done.push(`add ${v['body']}${v['replyTo'] ? ` to ${v['replyTo']}` : ''}`);
      say({ addChatEntry: { ...of, myReactions: [] } });
    } else if (name === 'EditChatEntry') {
      entries.set(known!.id, edited(known!, String(v['body'])));
      done.push(`edit ${v['id']} ${v['body']}`);
      say({ editChatEntry: { ...entries.get(known!.id), myReactions: [] } });
    } else if (name === 'DeleteChatEntry') {
      done.push(`delete ${v['id']}`);
      say({ deleteChatEntry: { ...deleted(known!), myReactions: [] } });
    } else if (name === 'ReactToChatEntry') {
      done.push(`react ${v['id']} ${v['name']} ${v['on']}`);
      say({ reactToChatEntry: { ...known, version: 9, reactions: [{ name: v['name'], count: 1 }], myReactions: [v['name']] } });
    } else before(socket, operation);
  };
  return done;
}

describe('the log', () => {
  test('a change replaces the row, and no other', async () => {
    const { session, changes } = await start();
    for (const seq of [1, 2, 3]) log(added(entry(seq)));
    await soon();
    const before = rows(session);
    log(changed(edited(entry(2), 'two')));
    await later(20);
    expect(bodies(session)).toEqual(['1', 'two', '3']);
    expect(rows(session).map((each, n) => each === before[n])).toEqual([true, false, true]);
    expect(row(session, 2)).toMatchObject({ version: 2, editedAt: '2026-01-01T00:01:00.000Z', pending: false });
    log(changed(deleted(entry(2), 3), 'DELETED'));
    await later(20);
    expect(row(session, 2)).toMatchObject({ body: '', version: 3, deletedBy: 'bob' });
    expect(changes).toEqual(['2 EDITED 2', '2 DELETED 3']);
  });

  test('a version that is older than what is known is ignored, and an equal one leaves the row as it is', async () => {
    const { session } = await start();
    log(added(edited(entry(1), 'newest', 5)));
    await soon();
    const before = row(session, 1);
    log(changed(edited(entry(1), 'older', 4), 'EDITED', 'c2'));
    log(changed(edited(entry(1), 'newest', 5), 'EDITED', 'c3'));
    await later(20);
    expect(row(session, 1)).toBe(before);
  });

  test('a lost socket resumes after the place of the last event, of whatever kind', async () => {
    await start();
    log(added(entry(1)));
    log(changed(edited(entry(1), 'one'), 'EDITED', 'place2'));
    await soon();
    server.socket.end(1006, '');
    await later(1_000);
    expect(server.socket.operations.find(({ name }) => name === 'LogEvents')?.variables).toEqual({ after: 'place2' });
  });

  test('a kind of event that is not known is passed over', async () => {
    const { session } = await start();
    log({ data: { logEvents: { __typename: 'EntryMoved' } } });
    log(added(entry(1)));
    await soon();
    expect(bodies(session)).toEqual(['1']);
  });

  test('a page that was read before a change, and arrives after it, shows the change', async () => {
    const { session } = await start();
    log(added(entry(9)));
    await soon();
    const page = session.loadHistory(50);
    await soon();
    log(changed(deleted(entry(8)), 'DELETED'));
    await soon();
    server.socket.next('ChatEntries', { data: { chatEntries: { nodes: [{ ...entry(7), myReactions: [] }, { ...entry(8), myReactions: [] }], pageInfo: { hasPreviousPage: false } } } });
    await page;
    expect(bodies(session)).toEqual(['7', '', '9']);
  });

  test('originals of replies are loaded once each, and follow their changes', async () => {
    const { session } = await start();
    const reply = (seq: number) => ({ ...entry(seq), replyTo: { id: 'e1' } });
    log(added(reply(11)));
    log(added(reply(12)));
    log(added({ ...entry(13), replyTo: { id: 'e11' } }));
    await soon();
    expect(ran('OneEntry').map(({ variables }) => variables)).toEqual([{ id: 'e1' }]);
    expect([...session.store.get().originals.keys()]).toEqual(['e11']);
    server.socket.next('OneEntry', { data: { chatEntry: { ...entry(1), myReactions: [] } } });
    await later(20);
    const { originals } = session.store.get();
    expect([...originals].map(([id, { body }]) => [id, body])).toEqual([['e1', '1'], ['e11', '11']]);
    expect(originals.get('e11')).toBe(row(session, 11));
    expect(rows(session).map(({ seq }) => seq)).toEqual([11, 12, 13]); // the original makes no row
    log(added(entry(14)));
    await later(20);
    expect(session.store.get().originals).toBe(originals);
    log(changed(edited(entry(1), 'one')));
    await later(20);
    expect(session.store.get().originals.get('e1')?.body).toBe('one');
    expect(ran('OneEntry').length).toBe(1);
  });

  test('an original that is no longer kept is asked for once', async () => {
    const { session } = await start();
    log(added({ ...entry(11), replyTo: { id: 'gone' } }));
    await soon();
    server.socket.next('OneEntry', { data: { chatEntry: null } });
    log(added({ ...entry(12), replyTo: { id: 'gone' } }));
    await soon();
    expect(ran('OneEntry').length).toBe(1);
    expect(session.store.get().originals.size).toBe(0);
  });

  test('loadTo loads pages until the entry is there', async () => {
    const { session } = await start();
    log(added(entry(500)));
    await soon();
    const page = (from: number, to: number) => {
      const nodes = Array.from({ length: to - from + 1 }, (_, n) => ({ ...entry(from + n), myReactions: [] }));
      server.socket.next('ChatEntries', { data: { chatEntries: { nodes, pageInfo: { hasPreviousPage: from > 1 } } } });
    };
    session.trimHistory(1);
    const there = session.loadTo('e200');
    await soon();
    expect(ran('OneEntry').length).toBe(1);
    server.socket.next('OneEntry', { data: { chatEntry: { ...entry(200), myReactions: [] } } });
    await soon();
    // The session began with an empty log, so a page says that there is more.
    expect(ran('ChatEntries').length).toBe(0);
    expect(await there).toBe(false);
    void session.loadHistory(1);
    await soon();
    page(499, 499);
    await soon();
    const again = session.loadTo('e200');
    await soon();
    server.socket.next('OneEntry', { data: { chatEntry: { ...entry(200), myReactions: [] } } });
    await soon();
    page(299, 498);
    await soon();
    page(99, 298);
    expect(await again).toBe(true);
    expect(ran('ChatEntries').map(({ variables }) => variables)).toEqual([
      { last: 1, before: 'c500' },
      { last: 200, before: 'c499' },
      { last: 200, before: 'c299' },
    ]);
  });
});

describe('changes of one’s own', () => {
  test('an edit shows at once as pending, and its answer makes it the entry’s', async () => {
    const { session } = await start();
    log(added(mine(1, 'tpyo')));
    log(added(entry(2)));
    await soon();
    const other = row(session, 2);
    const done = session.edit('e1', 'typo');
    expect(row(session, 1)).toMatchObject({ body: 'typo', pending: true, version: 1 });
    expect(row(session, 1).editedAt).not.toBeNull();
    const shown = row(session, 1);
    log(added(entry(3)));
    await later(20);
    expect(row(session, 1)).toBe(shown); // not another row until something changes
    expect(row(session, 2)).toBe(other);
    const { variables } = ran('EditChatEntry')[0]!;
    expect(variables).toEqual({ id: 'e1', body: 'typo', key: expect.stringMatching(/^[0-9a-f]{32}$/) });
    answer('EditChatEntry', 'editChatEntry', edited(mine(1), 'typo'));
    await expect(done).resolves.toMatchObject({ body: 'typo', version: 2, pending: false });
    expect(row(session, 1)).toMatchObject({ body: 'typo', pending: false, version: 2 });
  });

  test('a refused change is rolled back, with the reason', async () => {
    const { session, refused } = await start();
    log(added(mine(1, 'old')));
    await soon();
    const before = row(session, 1);
    const done = session.edit('e1', 'new');
    await soon();
    server.socket.next('EditChatEntry', { data: null, ...failure('FORBIDDEN', 'EDIT_WINDOW') });
    await expect(done).rejects.toMatchObject({ code: 'FORBIDDEN', reason: 'EDIT_WINDOW' });
    expect(row(session, 1)).toBe(before);
    expect(refused).toEqual([[{ kind: 'edit', id: 'e1', body: 'new' }, 'FORBIDDEN', 'EDIT_WINDOW']]);
    await later(100_000);
    expect(ran('EditChatEntry').length).toBe(1);
  });

  test('a deletion shows as one, and a reaction counts, before they are answered', async () => {
    const { session } = await start();
    log(added({ ...entry(1), reactions: [{ name: '👍', count: 2 }] }));
    await soon();
    void session.react('e1', '🎉');
    void session.react('e1', '👍');
    expect(row(session, 1)).toMatchObject({ reactions: [{ name: '👍', count: 3 }, { name: '🎉', count: 1 }], myReactions: ['👍', '🎉'] });
    void session.react('e1', '👍', false); // it was not sent yet, so it takes the other's place
    expect(row(session, 1)).toMatchObject({ reactions: [{ name: '👍', count: 2 }, { name: '🎉', count: 1 }], myReactions: ['🎉'] });
    void session.remove('e1');
    expect(row(session, 1)).toMatchObject({ body: '', reactions: [], myReactions: [], pending: true });
    expect(row(session, 1).deletedAt).not.toBeNull();
    await soon();
    expect(ran('ReactToChatEntry').map(({ variables: { name, on } }) => [name, on])).toEqual([['🎉', true]]);
  });

  test('a reaction whose event comes before its answer is counted once', async () => {
    const { session } = await start();
    log(added({ ...entry(1), reactions: [{ name: '👍', count: 1 }] }));
    await soon();
    const done = session.react('e1', '👍');
    await soon();
    expect(ran('ReactToChatEntry')[0]?.variables).toEqual({ id: 'e1', name: '👍', on: true, key: expect.any(String) });
    const counts = () => row(session, 1).reactions.map(({ name, count }) => `${name}${count}`);
    expect(counts()).toEqual(['👍2']);
    const after = { ...entry(1), version: 2, reactions: [{ name: '👍', count: 2 }] };
    log(changed(after, 'REACTED'));
    await later(20);
    expect(counts()).toEqual(['👍2']);
    expect(row(session, 1)).toMatchObject({ myReactions: ['👍'], pending: true });
    answer('ReactToChatEntry', 'reactToChatEntry', after, ['👍']);
    await done;
    expect(row(session, 1)).toMatchObject({ myReactions: ['👍'], pending: false, reactions: after.reactions });
  });

  test('what waits is done in order, each once, after a lost answer with the same key', async () => {
    const { session } = await start();
    log(added(mine(1, 'one')));
    await soon();
    server.down = true;
    server.socket.end(1006, '');
    await soon();
    void session.post('two');
    void session.edit('e1', 'ONE');
    void session.react('e1', '👍');
    void session.post('three');
    server.down = false;
    await later(3_000);
    const { key } = ran('AddChatEntry')[0]!.variables;
    server.socket.end(1006, ''); // before the answer
    const done = serving();
    const given = new Map([['e1', mine(1)]]);
    server.onOperation = ((before) => (socket, operation) => {
      if (operation.name === 'EditChatEntry' || operation.name === 'ReactToChatEntry') {
        done.push(`${operation.name} ${operation.variables['id']}`);
        const field = operation.name === 'EditChatEntry' ? 'editChatEntry' : 'reactToChatEntry';
        return socket.say({ id: operation.id, type: 'next', payload: { data: { [field]: { ...given.get('e1'), version: 2, myReactions: [] } } } });
      }
      return before(socket, operation);
    })(server.onOperation);
    await later(3_000);
    expect(done).toEqual(['add two', 'EditChatEntry e1', 'ReactToChatEntry e1', 'add three']);
    expect(ran('AddChatEntry').map(({ variables }) => variables['key'] === key)).toEqual([true, true, false]);
  });

  test('an edit of a post that was not sent edits the post itself', async () => {
    const { session } = await start();
    server.socket.end(1006, '');
    await soon();
    const posted = session.post('tpyo', { data: 'card' });
    const [{ key }] = session.store.get().pending as unknown as [{ key: string }];
    const same = session.edit(key, 'typo');
    expect(session.store.get().pending).toMatchObject([{ key, body: 'typo', data: 'card', state: 'pending' }]);
    const done = serving();
    await later(3_000);
    expect(done).toEqual(['add typo']);
    expect((await posted).body).toBe('typo');
    expect(await same).toBe(await posted);
  });

  test('an edit of a post that is under way follows it', async () => {
    const { session } = await start();
    void session.post('tpyo');
    const [{ key }] = session.store.get().pending as unknown as [{ key: string }];
    await soon();
    expect(ran('AddChatEntry').length).toBe(1);
    const done = session.edit(key, 'typo');
    expect(session.store.get().pending).toMatchObject([{ key, body: 'typo' }]);
    answer('AddChatEntry', 'addChatEntry', mine(1, 'tpyo'));
    await soon();
    expect(row(session, 1)).toMatchObject({ body: 'typo', pending: true });
    expect(ran('EditChatEntry').map(({ variables }) => variables['id'])).toEqual(['e1']);
    answer('EditChatEntry', 'editChatEntry', edited(mine(1), 'typo'));
    await expect(done).resolves.toMatchObject({ body: 'typo', version: 2 });
  });

  test('what is about a post that may be stored waits for it, whatever else passes', async () => {
    const { session } = await start();
    log(added(entry(9)));
    void session.post('tpyo');
    await soon();
    const [{ key }] = session.store.get().pending as unknown as [{ key: string }];
    server.socket.end(1006, ''); // before the answer
    await soon();
    void session.edit(key, 'typo');
    void session.react('e9', '👍');
    await later(1_000);
    server.socket.next('AddChatEntry', { data: null, ...failure('UNAVAILABLE') });
    await soon();
    expect(server.socket.operations.map(({ name }) => name).filter((name) => /^(Edit|React)/.test(name))).toEqual(['ReactToChatEntry']);
  });

  test('a post that was refused is edited and sent again; with remove it goes', async () => {
    const { session } = await start();
    void session.post('too long').catch(() => {});
    await soon();
    server.socket.next('AddChatEntry', { data: null, ...failure('BAD_USER_INPUT') });
    await soon();
    const [{ key, state }] = session.store.get().pending as unknown as [{ key: string; state: string }];
    expect(state).toBe('failed');
    void session.edit(key, 'short');
    expect(session.store.get().pending).toMatchObject([{ key, body: 'short', state: 'pending' }]);
    await soon();
    expect(ran('AddChatEntry').map(({ variables }) => variables['body'])).toEqual(['too long', 'short']);
    server.socket.next('AddChatEntry', { data: null, ...failure('BAD_USER_INPUT') });
    await soon();
    await session.remove(key);
    expect(session.store.get().pending).toEqual([]);
  });

  test('a reply to a post that waits is sent with that post’s entry', async () => {
    const { session } = await start();
    server.socket.end(1006, '');
    await soon();
    void session.post('question');
    const [{ key }] = session.store.get().pending as unknown as [{ key: string }];
    const reply = session.post('answer', { replyTo: key });
    expect(session.store.get().pending.map(({ replyTo }) => replyTo)).toEqual([null, null]);
    const done = serving();
    await later(3_000);
    expect(done).toEqual(['add question', 'add answer to e1']);
    expect((await reply).replyTo).toBe('e1');
    expect(session.store.get().originals.get('e1')?.body).toBe('question');
  });

  test('a change that the servers can’t take yet, as in a rolling upgrade, keeps no post waiting', async () => {
    const { session } = await start();
    log(added(mine(1)));
    await soon();
    const edit = session.edit('e1', 'new');
    const react = session.react('e1', '👍');
    await soon();
    server.socket.next('EditChatEntry', { data: null, ...failure('UNAVAILABLE') });
    await soon();
    void session.post('meanwhile');
    await soon();
    expect(ran('AddChatEntry').length).toBe(1);
    answer('AddChatEntry', 'addChatEntry', mine(2, 'meanwhile'));
    await soon();
    expect(ran('ReactToChatEntry').length).toBe(0); // changes keep their order
    expect(row(session, 1)).toMatchObject({ body: 'new', pending: true });
    await later(1_000);
    answer('EditChatEntry', 'editChatEntry', edited(mine(1), 'new'));
    await expect(edit).resolves.toMatchObject({ version: 2 });
    await soon();
    answer('ReactToChatEntry', 'reactToChatEntry', { ...edited(mine(1), 'new', 3), reactions: [{ name: '👍', count: 1 }] }, ['👍']);
    await expect(react).resolves.toMatchObject({ myReactions: ['👍'] });
  });
});

describe('reactions of one’s own', () => {
  const reacted = (version: number, ...names: string[]) => ({ ...entry(1), version, reactions: names.map((name) => ({ name, count: 1 })) });
  const told = (version: number, ...myReactions: string[]) =>
    server.socket.next('UserEvents', { data: { userEvents: { __typename: 'ReactionsChanged', entryId: 'e1', version, myReactions } } });
  const names = (session: Session) => (row(session, 1) as ChatEntry).myReactions;

  for (const order of ['log first', 'user first'] as const) {
    test(`those of another device are told apart from the log: ${order}`, async () => {
      const { session } = await start();
      log(added(entry(1)));
      await soon();
      const both = [() => log(changed(reacted(2, '🎉', '👍'), 'REACTED')), () => told(2, '👍')];
      for (const each of order === 'log first' ? both : both.toReversed()) each();
      await later(20);
      expect(names(session)).toEqual(['👍']);
      log(changed(reacted(3, '👍'), 'REACTED')); // another's was taken back
      await later(20);
      expect(names(session)).toEqual(['👍']);
      told(1);
      await later(20);
      expect(names(session)).toEqual(['👍']); // older
    });
  }

  test('what other devices did while this one was away is asked for once it is back', async () => {
    const { session } = await start();
    log(added(reacted(2, '👍')));
    told(2, '👍');
    await soon();
    server.socket.end(1006, '');
    await later(1_000);
    log(changed(reacted(4, '🎉'), 'REACTED'));
    server.socket.next('UserEvents', { data: { userEvents: { __typename: 'ReadMarked', readCursor: '0' } } });
    await soon();
    expect(ran('ReadState').at(-1)?.variables).toEqual({ last: 200 });
    const nodes = [{ id: 'e1', seq: 1, version: 4, myReactions: ['🎉'] }];
    server.socket.next('ReadState', { data: { session: { readCursor: '0', unread: 1, slowMode: 0 }, chatEntries: { nodes } } });
    await later(20);
    expect(names(session)).toEqual(['🎉']);
  });

  test('those of a connection without a user are not the next connection’s', async () => {
    server.userId = null;
    const { session } = await start();
    log(added(entry(1)));
    await soon();
    void session.react('e1', '👍');
    await soon();
    answer('ReactToChatEntry', 'reactToChatEntry', reacted(2, '👍'), ['👍']);
    await later(20);
    expect(names(session)).toEqual(['👍']);
    server.socket.end(4401, 'CONNECTION_DESTROYED: (networkDisconnected)');
    await later(1_000);
    expect(session.store.get().connection?.id).toBe('me2');
    expect(row(session, 1)).toMatchObject({ myReactions: [], reactions: [{ name: '👍', count: 1 }] });
    expect(ran('UserEvents')).toEqual([]);
  });
});

describe('an older server', () => {
  test('is waited for at the first connection, and works as soon as it is new', async () => {
    server.refusal = unknown('Unknown argument "userKey" on field "Mutation.connect".');
    const session = open({ url: 'http://server.example/', session: 'demo', data: 'me', persist: false });
    sessions.push(session);
    await later(10_000);
    expect(session.store.get().state).toMatchObject({ name: 'connecting', error: { code: 'UNAVAILABLE', reason: 'OLD_SERVER' } });
    server.refusal = undefined;
    await later(30_000);
    expect(session.store.get().state.name).toBe('live');
    await expect(session.ready).resolves.toBeUndefined();
  });

  test('is waited for in the middle of a session, with all that is asked for', async () => {
    const { session } = await start();
    log(added(mine(1)));
    await soon();
    const answering = server.onOperation;
    const refuse = (message?: string) => (socket: FakeServer['socket'], { id }: Operation) =>
      socket.say({ id, type: 'error', payload: unknown(message).errors });
    server.onOperation = refuse('Unknown type "SessionChanged".');
    server.socket.end(1012, 'restart');
    await soon();
    const edit = session.edit('e1', 'new');
    const page = session.loadHistory(50);
    const bans = session.bans();
    await later(60_000);
    expect(session.store.get().state).toMatchObject({ name: 'reconnecting', error: { code: 'UNAVAILABLE', reason: 'OLD_SERVER' } });
    expect(row(session, 1)).toMatchObject({ body: 'new', pending: true });
    let old = 2;
    server.onOperation = (socket, operation) => {
      const { id, name } = operation;
      const say = (data: object) => socket.say({ id, type: 'next', payload: { data } });
      if (name === 'EditChatEntry' && old-- > 0) refuse('Cannot query field "editChatEntry" on type "Mutation".')(socket, operation);
      else if (name === 'EditChatEntry') say({ editChatEntry: { ...edited(mine(1), 'new'), myReactions: [] } });
      else if (name === 'ChatEntries') say({ chatEntries: { nodes: [], pageInfo: { hasPreviousPage: false } } });
      else if (name === 'Bans') say({ bans: [] });
      else answering(socket, operation);
    };
    await later(60_000);
    expect(session.store.get().state.name).toBe('live');
    await expect(Promise.all([edit, page, bans])).resolves.toMatchObject([{ version: 2 }, false, []]);
  });

  test('another API that lacks connect is still told apart', async () => {
    server.refusal = unknown('Cannot query field "connect" on type "Mutation".');
    const session = open({ url: 'http://server.example/', session: 'demo', data: 'me', persist: false });
    sessions.push(session);
    await expect(session.ready).rejects.toMatchObject({ code: 'MISCONFIGURED', reason: 'NOT_CHATTOK' });
  });
});
