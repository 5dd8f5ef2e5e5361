package transport

import (
	"bytes"
	"container/list"
	"context"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// Limits of answers.
const (
	// maxAnswerBytes is how long an answer may be as it is written, its text escaped. An answer within Limits' bytes may
	// be longer, if it is text that JSON writes six bytes for one; that shows before the first byte is written.
	maxAnswerBytes = 48 << 20
	// promptBytes is how long an event may be that is executed by a worker of all groups; a longer one waits for its turn
	// on a goroutine of its own.
	promptBytes = 1 << 20
	// lightBytes is how much an answer may take without waiting for its turn to be executed.
	lightBytes = 64 << 10
	// fieldBytes is what a field takes while it is executed, about.
	fieldBytes = 300

	answerWait = 10 * time.Second // for a turn; then the client is to come back
)

// Defaults of the limits on requests under way.
const (
	DefaultMaxRequests           = 10_000
	DefaultMaxRequestsPerAddress = 500
)

var errAnswerTooLarge = newError(session.CodeBadUserInput, ReasonAnswerTooLarge,
	"the answer is longer than 48 MiB; ask for less at once")

var errNoTurn = newError(session.CodeUnavailable, "", "the server has too much to answer at once; try again")

// Answers bounds what answers under way take: the memory of what is executed, and what is rendered and not yet taken by
// its client. An operation waits for its turn, cancelled when its client has gone; a client's address has half of each
// at most, so that one that takes nothing leaves room for the others. Answers is an extension of gqlgen's, which counts the
// bytes of each field as it is resolved: an answer that becomes too long is given up, and so is one that nobody waits
// for any more.
type Answers struct {
	limits    *Limits
	budget    *session.Budget
	incoming  *pool // before executing,
	executing *pool // before rendered,
	rendered  *pool // before events, so that none waits for another in a circle
	events    *pool
	requests  requests
}

// AnswersConfig is what Answers are made of.
type AnswersConfig struct {
	Budget                *session.Budget // nil: one of session.DefaultBudgetBytes
	Limits                *Limits         // which know what an operation may weigh
	MaxRequests           int             // under way over HTTP, streams aside; 0 for DefaultMaxRequests
	MaxRequestsPerAddress int             // the same of one address; 0 for DefaultMaxRequestsPerAddress
}

// NewAnswers returns Answers of which none is under way.
func NewAnswers(c AnswersConfig) *Answers {
	if c.Budget == nil {
		c.Budget = session.NewBudget(0)
	}
	setDefault(&c.MaxRequests, DefaultMaxRequests)
	setDefault(&c.MaxRequestsPerAddress, DefaultMaxRequestsPerAddress)
	return &Answers{limits: c.Limits, budget: c.Budget,
		incoming:  newPool(c.Budget, c.Budget.Limit()/4),
		executing: newPool(c.Budget, c.Budget.Limit()/4),
		rendered:  newPool(c.Budget, c.Budget.Limit()/2),
		events:    newPool(c.Budget, c.Budget.Limit()/4),
		requests:  requests{max: c.MaxRequests, maxPerAddress: c.MaxRequestsPerAddress, byAddress: make(map[netip.Prefix]int)}}
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

// Validate has nothing to check.
func (*Answers) Validate(graphql.ExecutableSchema) error { return nil }

// hold is what one answer under way has taken.
type hold struct {
	answers   *Answers
	client    netip.Prefix
	executing int64
	rendered  int64
}

type holdKey struct{}

// holding returns a context in which an operation waits for its turn, and what gives back all that it then holds; to be
// called when the answer has been written.
func (a *Answers) holding(ctx context.Context, client netip.Prefix) (context.Context, *hold) {
	if a == nil {
		return ctx, nil
	}
	h := &hold{answers: a, client: client}
	return context.WithValue(ctx, holdKey{}, h), h
}

// release gives back what is held.
func (h *hold) release() {
	if h == nil {
		return
	}
	h.answers.executing.release(h.client, h.executing)
	h.answers.rendered.release(h.client, h.rendered)
	h.executing, h.rendered = 0, 0
}

// InterceptOperation has a query that may be large wait for its turn.
func (a *Answers) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	h, _ := ctx.Value(holdKey{}).(*hold)
	op := graphql.GetOperationContext(ctx)
	if h == nil || a.limits == nil || op.Operation.Operation == ast.Subscription || slight(op.Operation.SelectionSet) {
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

// inTurn executes an event that may be large when there is room for it. Where ctx is done first, the subscription is over.
func (a *Answers) inTurn(ctx context.Context, op *graphql.OperationContext, execute func() rendered) rendered {
	if a == nil || a.limits == nil {
		return execute()
	}
	bytes, _ := a.limits.Weigh(op.Doc, op.Operation)
	n := min(6*int64(bytes), maxAnswerBytes)
	for !a.events.acquire(ctx, netip.Prefix{}, n) {
		if ctx.Err() != nil {
			return rendered{final: true}
		}
	}
	defer a.events.release(netip.Prefix{}, n)
	return execute()
}

// slight says at a glance that a selection is one object of a few plain fields.
func slight(set ast.SelectionSet) bool {
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
	return root.Name == "addChatEntry" || root.Name == "latestChatEntry"
}

// answerSize counts how long one response becomes.
type answerSize struct {
	hold  *hold
	limit int64
	bytes atomic.Int64
	over  atomic.Bool

	admitting sync.Once
	refused   atomic.Bool
}

type answerSizeKey struct{}

func answerSizeOf(ctx context.Context) *answerSize {
	s, _ := ctx.Value(answerSizeKey{}).(*answerSize)
	return s
}

// InterceptResponse counts a response, and puts an error in the place of one that is too long.
func (a *Answers) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	size := &answerSize{limit: maxAnswerBytes}
	size.hold, _ = ctx.Value(holdKey{}).(*hold)
	prompt, _ := ctx.Value(refusingKey{}).(*refusing)
	if prompt != nil {
		size.limit = promptBytes
	}
	response := next(context.WithValue(ctx, answerSizeKey{}, size))
	switch {
	case response == nil:
		return nil
	case size.over.Load() && prompt != nil:
		prompt.refused.Store(true)
		return response
	case size.over.Load():
		return &graphql.Response{Errors: gqlerror.List{errAnswerTooLarge}}
	case size.refused.Load():
		return &graphql.Response{Errors: gqlerror.List{errNoTurn}}
	}
	return response
}

// InterceptRootField has what was resolved wait for its turn to be written, when all of it is known.
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

// admit waits until there is room for the whole answer, and makes it at once.
func (s *answerSize) admit(ctx context.Context, w io.Writer) {
	n := s.bytes.Load()
	if s.over.Load() || n <= newBufferBytes {
		return
	}
	if s.hold != nil {
		if !s.hold.answers.rendered.acquire(ctx, s.hold.client, n) {
			s.refused.Store(true)
			return
		}
		s.hold.rendered += n
	}
	if buffer, ok := w.(*bytes.Buffer); ok {
		buffer.Grow(int(n))
	}
}

// InterceptField counts a field, and gives the rest of an answer up that is too long or that nobody waits for. What a
// mutation does is not given up.
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
		return graphql.Null, nil // as a value, so that no error is kept for each
	}
	v, err := next(ctx)
	if size.bytes.Add(int64(len(field.Field.Alias)+8+jsonBytes(v))) > size.limit {
		size.over.Store(true)
		return graphql.Null, nil
	}
	return v, err
}

// jsonBytes returns how long a resolved value becomes in JSON; of an object or a list what is around its fields.
func jsonBytes(v any) int {
	switch v := v.(type) {
	case string:
		return escapedBytes(v)
	case *string:
		if v != nil {
			return escapedBytes(*v)
		}
	case []string:
		n := 2
		for _, s := range v {
			n += escapedBytes(s) + 1
		}
		return n
	}
	return 26 // a time; numbers, names of enums and brackets are no longer
}

// escapedBytes returns how long a text becomes as gqlgen writes it.
func escapedBytes(s string) int {
	n := len(s) + 2
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			n++
		case c < 0x20:
			n += 5
		}
	}
	return n
}

// keep counts bytes that wait to be written, and returns what gives them back; ok is false where there is no room.
func (a *Answers) keep(client netip.Prefix, bytes int) (release func(), ok bool) {
	if a == nil {
		return func() {}, true
	}
	n := int64(bytes)
	return func() { a.rendered.release(client, n) }, a.rendered.tryAcquire(client, n)
}

// pool is so many bytes, of which a client's address has half at most. More than there is of either is granted where
// nothing else is taken, so that every answer has its turn.
type pool struct {
	budget *session.Budget
	limit  int64

	mu      sync.Mutex
	used    int64
	clients map[netip.Prefix]int64
	waiting list.List // of *turn, first come first
}

type turn struct {
	client  netip.Prefix
	bytes   int64
	granted chan struct{}
}

func newPool(budget *session.Budget, limit int64) *pool {
	return &pool{budget: budget, limit: limit, clients: make(map[netip.Prefix]int64)}
}

// acquire waits for room and takes it; false where ctx was done first, or it took too long.
func (p *pool) acquire(ctx context.Context, client netip.Prefix, n int64) bool {
	p.mu.Lock()
	if p.take(client, n) {
		p.mu.Unlock()
		p.budget.Reserve(n)
		return true
	}
	t := &turn{client: client, bytes: n, granted: make(chan struct{})}
	place := p.waiting.PushBack(t)
	p.mu.Unlock()
	patience := time.NewTimer(answerWait)
	defer patience.Stop()
	select {
	case <-t.granted:
		p.budget.Reserve(n)
		return true
	case <-ctx.Done():
	case <-patience.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-t.granted: // meanwhile
		p.free(client, n)
	default:
		p.waiting.Remove(place)
	}
	return false
}

// tryAcquire is acquire for who can't wait.
func (p *pool) tryAcquire(client netip.Prefix, n int64) bool {
	p.mu.Lock()
	ok := p.take(client, n)
	p.mu.Unlock()
	if ok {
		p.budget.Reserve(n)
	}
	return ok
}

// take takes room where there is some; small answers have a quarter more. mu is held.
func (p *pool) take(client netip.Prefix, n int64) bool {
	limit := p.limit
	if n <= lightBytes {
		limit += limit / 4
	}
	if p.used > 0 && p.used+n > limit {
		return false
	}
	if client.IsValid() {
		if mine := p.clients[client]; mine > 0 && mine+n > limit/2 {
			return false
		}
		p.clients[client] += n
	}
	p.used += n
	return true
}

// release gives bytes back.
func (p *pool) release(client netip.Prefix, n int64) {
	if n == 0 {
		return
	}
	p.budget.Reserve(-n)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free(client, n)
}

// free gives bytes back, and grants those who wait their turns. One that waits for its own client's answers does not hold
// up the others. mu is held.
func (p *pool) free(client netip.Prefix, n int64) {
	p.used -= n
	if client.IsValid() {
		if p.clients[client] -= n; p.clients[client] <= 0 {
			delete(p.clients, client)
		}
	}
	for place := p.waiting.Front(); place != nil; {
		next := place.Next()
		t := place.Value.(*turn)
		if p.take(t.client, t.bytes) {
			p.waiting.Remove(place)
			close(t.granted)
		}
		place = next
	}
}

// requests counts what is under way over HTTP.
type requests struct {
	max, maxPerAddress int

	mu        sync.Mutex
	all       int
	byAddress map[netip.Prefix]int
}

// enter counts a request in, where there is room.
func (r *requests) enter(client netip.Prefix) crowding {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.all >= r.max:
		return crowdedRequests
	case client.IsValid() && r.byAddress[client] >= r.maxPerAddress:
		return crowdedRequestsOfAddress
	}
	r.all++
	if client.IsValid() {
		r.byAddress[client]++
	}
	return ""
}

func (r *requests) leave(client netip.Prefix) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all--
	if client.IsValid() {
		if r.byAddress[client]--; r.byAddress[client] <= 0 {
			delete(r.byAddress, client)
		}
	}
}
