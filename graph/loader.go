package graph

import (
	"context"
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

// loaders is a gqlgen extension that gives each operation a loader of connections, so that a page of entries costs one
// look-up, not one an entry.
type loaders struct{ service *session.Service }

var _ graphql.OperationInterceptor = loaders{}

func (loaders) ExtensionName() string                   { return "Loaders" }
func (loaders) Validate(graphql.ExecutableSchema) error { return nil }

func (l loaders) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	return next(context.WithValue(ctx, loaderKey{}, &connectionLoader{service: l.service}))
}

// connectionLoader makes its loader when it is first needed, which in most operations is never.
type connectionLoader struct {
	service *session.Service
	once    sync.Once
	loader  *dataloadgen.Loader[string, *session.Connection]
}

func (l *connectionLoader) load(ctx context.Context, id string) (*session.Connection, error) {
	l.once.Do(func() {
		// A subscription lives long and must not remember, so it has a loader without a cache; connections never change,
		// and the service remembers them.
		l.loader = dataloadgen.NewMappedLoader(func(ctx context.Context, ids []string) (map[string]*session.Connection, error) {
			return l.service.Connections(ctx, ids)
		}, dataloadgen.WithWait(loaderWait), dataloadgen.WithoutCache())
	})
	return l.loader.Load(ctx, id)
}

// connectionByID returns a connection that posted an entry. Errors: UNAVAILABLE; dataloadgen.ErrNotFound where the store
// has no such row.
func connectionByID(ctx context.Context, id string) (*session.Connection, error) {
	l := ctx.Value(loaderKey{}).(*connectionLoader)
	if c, ok := l.service.KnownConnection(id); ok {
		return c, nil
	}
	if err := transport.MayWait(ctx); err != nil {
		return nil, err
	}
	return l.load(ctx, id)
}
