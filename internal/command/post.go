package command

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"chattok/internal/client"
	"chattok/internal/config"
	"chattok/session"
)

// post adds entries to a session.
func (p Program) post(ctx context.Context, args []string) error {
	var r remote
	f := r.flags("print each stored entry as one JSON object a line")
	id := f.String("session", "", "`id` of the session")
	name := f.String("as", "", "post as the bot with this `name` (default as the server itself)")
	user := f.String("user", "", "post as the user with this `id`")
	reply := f.String("reply-to", "", "`id` of the entry that this one answers")
	data := f.String("data", "", fmt.Sprintf("`text` that goes with the entry, up to %d bytes", session.MaxEntryDataBytes))
	key := f.String("key", "", "idempotency `key`, so that the same command again adds nothing (default a random one)")
	lines := f.Bool("lines", false, "add an entry for each line of the standard input that is not blank, as it comes")
	others, err := r.parse(f, args)
	if errors.Is(err, flag.ErrHelp) {
		return printCommandHelp(p.Stdout, "post", f)
	}
	if err == nil {
		err = needSession(*id)
	}
	switch {
	case err != nil:
		return err
	case *name != "" && *user != "":
		return fmt.Errorf("%w: -as and -user exclude each other", config.ErrUsage)
	case *lines && (len(others) > 0 || *key != ""):
		return fmt.Errorf("%w: -lines reads the standard input, and takes neither a text nor -key", config.ErrUsage)
	case len(others) > 1:
		return fmt.Errorf("%w: unexpected argument %q; put the text in quotation marks", config.ErrUsage, others[1])
	}
	c, err := r.client(ctx, p)
	if err != nil {
		return outcome(ctx, err)
	}
	w := &posting{p: p, client: c, json: r.json, variables: map[string]any{"s": *id}}
	switch {
	case *name != "":
		w.variables["as"] = map[string]any{"name": *name}
	case *user != "":
		w.variables["as"] = map[string]any{"userId": *user}
	}
	if *reply != "" {
		w.variables["reply"] = *reply
	}
	if *data != "" {
		w.variables["data"] = *data
	}
	return outcome(ctx, w.run(ctx, others, *key, *lines))
}

// posting is the work of post.
type posting struct {
	p         Program
	client    *client.Client
	json      bool
	variables map[string]any
}

func (w *posting) run(ctx context.Context, texts []string, key string, lines bool) error {
	if lines {
		return w.postLines(ctx, os.Stdin)
	}
	text := ""
	if len(texts) == 1 && texts[0] != "-" {
		text = texts[0]
	} else {
		var err error
		if text, err = readText(ctx, os.Stdin); err != nil {
			return err
		}
	}
	return w.post(ctx, text, key)
}

// readText reads the text of an entry.
func readText(ctx context.Context, from io.Reader) (string, error) {
	input := newStoppable(ctx, from)
	// One byte more than an entry may have, for the server to say so, and a line feed.
	read, err := io.ReadAll(io.LimitReader(input, session.MaxBodyBytes+2))
	switch {
	case ctx.Err() != nil && (len(read) > 0 || input.holds()):
		return "", interrupted("the text that was read was not added")
	case err != nil:
		return "", fmt.Errorf("read the standard input: %w", err)
	}
	return strings.TrimSuffix(string(read), "\n"), nil
}

// postLines adds an entry for each line.
func (w *posting) postLines(ctx context.Context, from io.Reader) error {
	input := newStoppable(ctx, from)
	lines := bufio.NewScanner(input)
	lines.Buffer(make([]byte, 0, 4096), session.MaxBodyBytes+1)
	number := 1
	for ; lines.Scan(); number++ {
		if ctx.Err() != nil {
			return notAdded(number)
		}
		if lines.Err() != nil { // the line may go on
			break
		}
		text := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(text) == "" {
			continue
		}
		if err := w.post(ctx, text, ""); err != nil {
			if ctx.Err() != nil {
				return interrupted("line %d was being sent and may have been added; none after it was", number)
			}
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	switch err := lines.Err(); {
	case ctx.Err() != nil && input.holds():
		return notAdded(number)
	case err != nil:
		return fmt.Errorf("read the standard input: %w", err)
	}
	return nil
}

// notAdded is the end of a command that was interrupted when it had read a line.
func notAdded(line int) error {
	return interrupted("line %d was read and not added, and none after it was", line)
}

// post adds an entry. With its key, the same request is safe to make again.
func (w *posting) post(ctx context.Context, text, key string) error {
	if key == "" {
		key = rand.Text()
	}
	w.variables["body"], w.variables["key"] = text, key
	const query = `mutation($s:ID!,$body:String!,$key:ID!,$reply:ID,$data:String,$as:ActAs){` +
		`addChatEntry(sessionId:$s,body:$body,idempotencyKey:$key,replyTo:$reply,data:$data,as:$as)` + entryFields + `}`
	var data struct{ AddChatEntry answeredEntry }
	if err := w.client.Do(ctx, true, query, w.variables, &data); err != nil {
		return err
	}
	if w.json {
		return w.p.printJSON(data.AddChatEntry.shown())
	}
	_, err := fmt.Fprintln(w.p.Stdout, data.AddChatEntry.ID)
	return err
}
