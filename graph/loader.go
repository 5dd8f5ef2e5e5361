package graph

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vikstrous/dataloadgen"

	"chattok/graph/transport"
	"chattok/session"
)

type loaderKey struct{}

// loaderWait is how long a look-up waits for others to join it.
const loaderWait = time.Millisecond

// loaders is a gqlgen extension that gives each operation its loaders, so that a page of entries costs one look-up of each kind
// and not one for each entry.
type loaders struct{ service *session.Service }

var _ graphql.OperationInterceptor = loaders{}

func (loaders) ExtensionName() string                   { return "Loaders" }
func (loaders) Validate(graphql.ExecutableSchema) error { return nil }

func (l loaders) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	return next(context.WithValue(ctx, loaderKey{}, newOperationLoaders(l.service)))
}

// operationLoaders are the loaders of one operation.
type operationLoaders struct {
	service     *session.Service
	connections loader[string, *session.Connection]
	entries     loader[entryKey, *session.ChatEntry]
	reactions   loader[entryKey, []string] // the caller's, by entry
	reactors    loader[reactorsKey, []string]
	readMarks   loader[readMarkKey, *session.ReadMark]
	sizes       loader[string, session.SessionSize]
	rosterSizes loader[string, session.RosterSize]
	lastEntries loader[logKey, *session.ChatEntry]
}

// logKey names a session's log.
type logKey struct {
	sessionID string
	epoch     session.Epoch
}

// entryKey names an entry.
type entryKey struct {
	logKey
	seq int64
}

// readMarkKey names a user's read mark in a session.
type readMarkKey struct{ sessionID, userID string }

// reactorsKey names the list of the first limit users or connections that reacted to an entry by one name.
type reactorsKey struct {
	sessionID string
	limit     int
	session.ReactionKey
}

func newOperationLoaders(s *session.Service) *operationLoaders {
	return &operationLoaders{
		service:     s,
		connections: loader[string, *session.Connection]{read: s.Connections},
		entries:     loader[entryKey, *session.ChatEntry]{read: inGroups(entryKey.group, entriesOf(s))},
		reactions:   loader[entryKey, []string]{read: inGroups(entryKey.group, reactionsOf(s))},
		reactors:    loader[reactorsKey, []string]{read: inGroups(reactorsKey.group, reactorsOf(s))},
		readMarks:   loader[readMarkKey, *session.ReadMark]{read: readMarksOf(s)},
		sizes:       loader[string, session.SessionSize]{read: s.SessionSizes},
		rosterSizes: loader[string, session.RosterSize]{read: s.RosterSizes},
		lastEntries: loader[logKey, *session.ChatEntry]{read: lastEntriesOf(s)},
	}
}

func loadersOf(ctx context.Context) *operationLoaders {
	return ctx.Value(loaderKey{}).(*operationLoaders)
}

// loader reads values in one call that are asked for at about the same time. It is made when it is first needed; most operations never
// need it.
type loader[K comparable, V any] struct {
	read func(ctx context.Context, keys []K) (map[K]V, error)
	once sync.Once
	made *dataloadgen.Loader[K, V]
}

// load returns the value of a key. It may wait for the store. Errors: that of read; dataloadgen.ErrNotFound where read leaves the
// key out.
func (l *loader[K, V]) load(ctx context.Context, key K) (V, error) { return l.begin(ctx, key)() }

// begin begins load and returns a function that waits for its end.
func (l *loader[K, V]) begin(ctx context.Context, key K) (end func() (V, error)) {
	l.once.Do(func() {
		// The loader has no cache, as a subscription would fill it for as long as it lives, and values change.
		l.made = dataloadgen.NewMappedLoader(l.read, dataloadgen.WithWait(loaderWait), dataloadgen.WithoutCache())
	})
	return l.made.LoadThunk(ctx, key)
}

// inGroups returns a function that calls read for the keys of each group. An operation is nearly always of one session, and so
// of one group.
func inGroups[G, K comparable, V any](group func(K) G, read func(context.Context, G, []K, map[K]V) error) func(context.Context, []K) (map[K]V, error) {
	return func(ctx context.Context, keys []K) (map[K]V, error) {
		groups := make(map[G][]K, 1)
		for _, key := range keys {
			g := group(key)
			groups[g] = append(groups[g], key)
		}
		found := make(map[K]V, len(keys))
		for g, keys := range groups {
			if err := read(ctx, g, keys, found); err != nil {
				return nil, err
			}
		}
		return found, nil
	}
}

func (k entryKey) group() logKey { return k.logKey }

// group is the reactorsKey without the reaction.
func (k reactorsKey) group() reactorsKey { return reactorsKey{sessionID: k.sessionID, limit: k.limit} }

func seqsOf(keys []entryKey) []int64 {
	seqs := make([]int64, len(keys))
	for i, k := range keys {
		seqs[i] = k.seq
	}
	return seqs
}

func entriesOf(s *session.Service) func(context.Context, logKey, []entryKey, map[entryKey]*session.ChatEntry) error {
	return func(ctx context.Context, log logKey, keys []entryKey, found map[entryKey]*session.ChatEntry) error {
		entries, err := s.EntriesBySeq(ctx, log.sessionID, log.epoch, seqsOf(keys))
		for seq, e := range entries {
			found[entryKey{log, seq}] = e
		}
		return err
	}
}

func reactionsOf(s *session.Service) func(context.Context, logKey, []entryKey, map[entryKey][]string) error {
	return func(ctx context.Context, log logKey, keys []entryKey, found map[entryKey][]string) error {
		names, err := s.MyReactions(ctx, callerOf(ctx), log.sessionID, seqsOf(keys))
		for seq, mine := range names {
			found[entryKey{log, seq}] = mine
		}
		return err
	}
}

func reactorsOf(s *session.Service) func(context.Context, reactorsKey, []reactorsKey, map[reactorsKey][]string) error {
	return func(ctx context.Context, group reactorsKey, keys []reactorsKey, found map[reactorsKey][]string) error {
		reactions := make([]session.ReactionKey, len(keys))
		for i, k := range keys {
			reactions[i] = k.ReactionKey
		}
		ids, err := s.Reactors(ctx, group.sessionID, reactions, group.limit)
		for reaction, of := range ids {
			found[reactorsKey{group.sessionID, group.limit, reaction}] = of
		}
		return err
	}
}

func readMarksOf(s *session.Service) func(context.Context, []readMarkKey) (map[readMarkKey]*session.ReadMark, error) {
	return func(ctx context.Context, keys []readMarkKey) (map[readMarkKey]*session.ReadMark, error) {
		found := make(map[readMarkKey]*session.ReadMark, len(keys))
		for _, key := range keys {
			mark, err := s.ReadMark(ctx, key.sessionID, key.userID)
			if err != nil {
				return nil, err
			}
			found[key] = &mark
		}
		return found, nil
	}
}

func lastEntriesOf(s *session.Service) func(context.Context, []logKey) (map[logKey]*session.ChatEntry, error) {
	return func(ctx context.Context, keys []logKey) (map[logKey]*session.ChatEntry, error) {
		sessions := make(map[string]session.Epoch, len(keys))
		for _, log := range keys {
			sessions[log.sessionID] = log.epoch
		}
		entries, err := s.LastEntries(ctx, sessions)
		found := make(map[logKey]*session.ChatEntry, len(entries))
		for id, e := range entries {
			found[logKey{id, e.Epoch}] = e
		}
		return found, err
	}
}

// rosterSizeOf returns how many connections and streams are in a session now; none where the session has been removed. Errors:
// NOT_FOUND, UNAVAILABLE.
func rosterSizeOf(ctx context.Context, s *session.Session) (session.RosterSize, error) {
	if err := transport.MayWait(ctx); err != nil {
		return session.RosterSize{}, err
	}
	size, err := loadersOf(ctx).rosterSizes.load(ctx, s.ID)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return session.RosterSize{}, nil
	}
	return size, err
}

// sizeOf returns how much a session has stored; nothing where the session has been removed. Errors: UNAVAILABLE.
func sizeOf(ctx context.Context, s *session.Session) (session.SessionSize, error) {
	if err := transport.MayWait(ctx); err != nil {
		return session.SessionSize{}, err
	}
	size, err := loadersOf(ctx).sizes.load(ctx, s.ID)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return session.SessionSize{}, nil
	}
	return size, err
}

// connectionByID returns a connection that posted an entry. Errors: UNAVAILABLE; dataloadgen.ErrNotFound where the
// store has no row of it.
func connectionByID(ctx context.Context, id string) (*session.Connection, error) {
	l := loadersOf(ctx)
	if c, ok := l.service.KnownConnection(id); ok {
		return c, nil
	}
	if err := transport.MayWait(ctx); err != nil {
		return nil, err
	}
	return l.connections.load(ctx, id)
}

// connectionsByID returns connections that reacted to an entry, in this order. Where the store has no row of one, only its id is
// known. Errors: UNAVAILABLE.
func connectionsByID(ctx context.Context, e *session.ChatEntry, ids []string) ([]*session.Connection, error) {
	all := make([]*session.Connection, len(ids))
	loading := make([]func() (*session.Connection, error), len(ids))
	l := loadersOf(ctx)
	for i, id := range ids {
		var known bool
		if all[i], known = l.service.KnownConnection(id); !known {
			loading[i] = l.connections.begin(ctx, id)
		}
	}
	for i, end := range loading {
		if end == nil {
			continue
		}
		var err error
		all[i], err = end()
		switch {
		case errors.Is(err, dataloadgen.ErrNotFound):
			all[i] = &session.Connection{ID: ids[i], SessionID: e.SessionID, Role: session.RoleSubscriber, CreatedAt: e.CreatedAt}
		case err != nil:
			return nil, err
		}
	}
	return all, nil
}
