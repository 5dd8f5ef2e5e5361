package transport

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/scalar"
	"chattok/graph/transport/document"
	"chattok/graph/transport/gqlerr"
	"chattok/internal/budget"
	"chattok/session"
)

// Limits of answers.
const (
	// maxAnswerBytes is the length of an answer as it is written, with its text escaped: 48 MiB. An answer within the
	// bytes of document.Limits may be longer, as JSON may write six bytes for one of text; that is known before the
	// first byte is written.
	maxAnswerBytes = 6 * document.MaxEventBytes
	// workerEventBytes is the length of an event above which a worker does not execute it; such an event waits for its
	// turn on a goroutine of its own.
	workerEventBytes = 1 << 20
	// lightBytes is the memory that an answer may take without waiting for its turn.
	lightBytes = 64 << 10
	// smallTake is how much is taken of a pool at once beyond its limit: small answers, and the events of a write.
	smallTake = 2 * takeBytes
	// fieldBytes is the memory of a field until it is written, about.
	fieldBytes = 500
)

var errAnswerTooLarge = gqlerr.New(session.CodeBadUserInput, document.ReasonAnswerTooLarge,
	"the answer is longer than 48 MiB; ask for less at once")

var errNoTurn = gqlerr.New(session.CodeUnavailable, "", "the server has too much to answer at once; try again")

// Answers bounds the memory of answers under way: while they are executed, and from rendering until their clients have
// taken them. An operation waits for its turn, answerWait at most. One client's address gets half of each pool at
// most, so that a client that takes nothing leaves room for others.
//
// As an extension of gqlgen, Answers counts the bytes of each field when it is resolved. An answer that becomes too
// long is given up, and so is one whose client has gone.
type Answers struct {
	limits    *document.Limits
	small     []string // names of root fields
	budget    *budget.Budget
	incoming  *bytePool // acquired before executing
	executing *bytePool // acquired before rendered
	rendered  *bytePool // acquired before events; by this order no answer waits for another in a circle
	events    *bytePool
	requests  requests
}

// AnswersConfig configures Answers.
type AnswersConfig struct {
	Budget                *budget.Budget   // nil: one of budget.DefaultBytes
	Limits                *document.Limits // says how many bytes an operation may take
	Small                 []string         // root fields with small answers, which are not weighed where only a few scalar fields are selected
	MaxRequests           int              // requests under way over HTTP, streams aside; 0 for DefaultMaxRequests
	MaxRequestsPerAddress int              // the same for one client address; 0 for DefaultMaxRequestsPerAddress
}

// NewAnswers returns Answers with none under way.
func NewAnswers(c AnswersConfig) *Answers {
	if c.Budget == nil {
		c.Budget = budget.New(0)
	}
	setDefault(&c.MaxRequests, DefaultMaxRequests)
	setDefault(&c.MaxRequestsPerAddress, DefaultMaxRequestsPerAddress)
	a := &Answers{limits: c.Limits, small: c.Small, budget: c.Budget,
		incoming:  newBytePool(c.Budget, c.Budget.Limit()/4),
		executing: newBytePool(c.Budget, c.Budget.Limit()/4),
		rendered:  newBytePool(c.Budget, c.Budget.Limit()/2),
		events:    newBytePool(c.Budget, c.Budget.Limit()/4),
		requests:  requests{max: c.MaxRequests, maxPerAddress: c.MaxRequestsPerAddress, byAddress: make(networkCounts[int])}}
	a.rendered.most = a.rendered.limit * 3 / 4
	return a
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationInterceptor
	graphql.ResponseInterceptor
	graphql.RootFieldInterceptor
	graphql.FieldInterceptor
} = (*Answers)(nil)

// ExtensionName names the extension.
func (*Answers) ExtensionName() string { return "Answers" }

// Validate accepts every schema.
func (*Answers) Validate(graphql.ExecutableSchema) error { return nil }

// reservation is the memory that one answer holds.
type reservation struct {
	answers   *Answers
	client    netip.Prefix
	executing int64
	rendered  int64
}

type reservationKey struct{}

type turnKey struct{}

// WithTurn returns a context in which an answer is executed while its caller holds one of the turns that all callers share. end ends the
// turn; it may be called more than once, and is called where the answer has to wait for something else.
func WithTurn(ctx context.Context, end func()) context.Context {
	return context.WithValue(ctx, turnKey{}, end)
}

// EndTurn ends the turn of the answer that is executed in ctx.
func EndTurn(ctx context.Context) {
	if end, ok := ctx.Value(turnKey{}).(func()); ok {
		end()
	}
}

// reserve returns a context in which an operation waits for its turn, and its reservation, to be released when the
// answer has been written.
func (a *Answers) reserve(ctx context.Context, client netip.Prefix) (context.Context, *reservation) {
	if a == nil {
		return ctx, nil
	}
	h := &reservation{answers: a, client: client}
	return context.WithValue(ctx, reservationKey{}, h), h
}

// executed gives back the memory of the values that the answer was made of.
func (h *reservation) executed() {
	if h != nil {
		h.answers.executing.release(h.client, h.executing)
		h.executing = 0
	}
}

// release gives the memory back.
func (h *reservation) release() {
	if h == nil {
		return
	}
	h.answers.executing.release(h.client, h.executing)
	h.answers.rendered.release(h.client, h.rendered)
	h.executing, h.rendered = 0, 0
}

// InterceptOperation makes a query that may be large wait for its turn.
func (a *Answers) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	h, _ := ctx.Value(reservationKey{}).(*reservation)
	op := graphql.GetOperationContext(ctx)
	if h == nil || a.limits == nil || op.Operation.Operation == ast.Subscription || a.isSmall(op.Operation.SelectionSet) {
		return next(ctx)
	}
	bytes, fields := a.limits.Weigh(op.Doc, op.Operation)
	n := int64(bytes) + fieldBytes*int64(fields)
	if n <= lightBytes {
		return next(ctx)
	}
	if !a.executing.acquire(ctx, h.client, n) {
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{errNoTurn}})
	}
	h.executing = n
	return next(ctx)
}

// inTurn executes an event that may be large once there is room for it. Where ctx is done first, the subscription is
// over.
func (a *Answers) inTurn(ctx context.Context, op *graphql.OperationContext, execute func() rendered) rendered {
	if a == nil || a.limits == nil {
		return execute()
	}
	bytes, fields := a.limits.Weigh(op.Doc, op.Operation)
	n := min(6*int64(bytes)+fieldBytes*int64(fields), maxAnswerBytes)
	for !a.events.acquire(ctx, netip.Prefix{}, n) {
		if ctx.Err() != nil {
			return rendered{final: true}
		}
	}
	defer a.events.release(netip.Prefix{}, n)
	return execute()
}

// isSmall recognises a selection of one root field with small answers and a few scalar fields.
func (a *Answers) isSmall(set ast.SelectionSet) bool {
	if len(set) != 1 {
		return false
	}
	root, ok := set[0].(*ast.Field)
	if !ok || len(root.SelectionSet) > 8 {
		return false
	}
	for _, selection := range root.SelectionSet {
		if field, ok := selection.(*ast.Field); !ok || len(field.SelectionSet) > 0 {
			return false
		}
	}
	return slices.Contains(a.small, root.Name)
}

// answerSize counts the bytes of one response.
type answerSize struct {
	hold  *reservation
	limit int64
	bytes atomic.Int64
	over  atomic.Bool

	admitting sync.Once
	refused   atomic.Bool
}

// ResponseBytes implements scalar.Sized.
func (s *answerSize) ResponseBytes() int { return int(s.bytes.Load()) }

func answerSizeOf(ctx context.Context) *answerSize {
	s, _ := scalar.SizedOf(ctx).(*answerSize)
	return s
}

// InterceptResponse counts a response, and replaces one that is too long by an error.
func (a *Answers) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	size := &answerSize{limit: maxAnswerBytes}
	size.hold, _ = ctx.Value(reservationKey{}).(*reservation)
	noWaiting, _ := ctx.Value(noWaitKey{}).(*noWait)
	if noWaiting != nil {
		size.limit = workerEventBytes
	}
	response := next(scalar.WithSized(ctx, size))
	switch {
	case response == nil:
		return nil
	case size.over.Load() && noWaiting != nil:
		noWaiting.refused.Store(true)
		return response
	case size.over.Load():
		return &graphql.Response{Errors: gqlerror.List{errAnswerTooLarge}}
	case size.refused.Load():
		return &graphql.Response{Errors: gqlerror.List{errNoTurn}}
	}
	return response
}

// InterceptRootField delays the writing of an answer, whose fields are all resolved, until there is room for it.
func (a *Answers) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	resolved := next(ctx)
	size := answerSizeOf(ctx)
	if size == nil || resolved == nil || resolved == graphql.Null || resolved == graphql.RequiredNull {
		return resolved
	}
	return graphql.WriterFunc(func(w io.Writer) {
		size.admitting.Do(func() { size.admit(ctx, w) })
		if size.over.Load() || size.refused.Load() {
			graphql.Null.MarshalGQL(w)
			return
		}
		resolved.MarshalGQL(w)
	})
}

// admit waits until there is room for the whole answer, and then grows the buffer at once.
func (s *answerSize) admit(ctx context.Context, w io.Writer) {
	n := s.bytes.Load()
	if s.over.Load() || n <= newBufferBytes {
		return
	}
	if s.hold != nil {
		if rendered := s.hold.answers.rendered; !rendered.tryAcquire(s.hold.client, n) {
			EndTurn(ctx) // others have theirs while clients take the answers before this one
			if !rendered.acquire(ctx, s.hold.client, n) {
				s.refused.Store(true)
				return
			}
		}
		s.hold.rendered += n
	}
	if buffer, ok := w.(*bytes.Buffer); ok {
		buffer.Grow(int(n) + scalar.RoomBeside)
	}
}

// InterceptField counts a field. Where the answer is too long, or its client has gone, the remaining fields are not
// resolved; the fields of a mutation always are.
func (a *Answers) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	size := answerSizeOf(ctx)
	if size == nil {
		return next(ctx)
	}
	field := graphql.GetFieldContext(ctx)
	if field.Object == "Mutation" || field.Object == "Subscription" {
		return next(ctx)
	}
	if size.over.Load() || ctx.Err() != nil {
		return graphql.Null, nil // a value, so that no error is kept for each field
	}
	v, err := next(ctx)
	if size.bytes.Add(int64(len(field.Field.Alias)+8+jsonBytes(v))) > size.limit {
		size.over.Store(true)
		return graphql.Null, nil
	}
	return v, err
}

// jsonBytes returns the length of a resolved value in JSON; for an object or a list the brackets around its fields.
func jsonBytes(v any) int {
	switch v := v.(type) {
	case string:
		return scalar.StringBytes(v)
	case *string:
		if v != nil {
			return scalar.StringBytes(*v)
		}
	case []string:
		n := 2
		for _, s := range v {
			n += scalar.StringBytes(s) + 1
		}
		return n
	}
	return 26 // a time; numbers, enum values and brackets are no longer
}

// keep counts bytes that wait to be written; release gives them back. ok is false where there is no room.
func (a *Answers) keep(client netip.Prefix, bytes int) (release func(), ok bool) {
	if a == nil {
		return func() {}, true
	}
	n := int64(bytes)
	return func() { a.rendered.release(client, n) }, a.rendered.tryAcquire(client, n)
}
