//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// changing are attempts by what changes a log, or reads what changed.
var changing = []attempt{
	{
		name: "answers to answers", lasts: heavyLasts,
		sent: "entries of 16 KiB that each answer the one before, read with three levels of quotes and as many aliases as a document may have; 4 at once",
		why:  "each level repeats the texts of the level above",
		attack: func(ctx context.Context, a *assault) error {
			c, m, _, err := fillAnswers(ctx, a, 100)
			if err != nil {
				return err
			}
			a.prepared()
			quote := `{` + aliases("a", "body", 10) + `replyTo{` + aliases("b", "body", 10) + `replyTo{` + aliases("c", "body", 10) + `}}}`
			return a.repeat(ctx, c, m, 4, false, `{chatEntries(first:100){nodes`+quote+`}}`)
		},
	},
	{
		name: "edits of 16 KiB",
		sent: "16 requests at once that edit one's own entries to another text of 16 KiB, in a session that 100 of one's subscriptions follow",
		why:  "each edit goes to everybody, and takes no more of the disk than before",
		attack: func(ctx context.Context, a *assault) error {
			return change(ctx, a, func(ctx context.Context, c *client, m member, id string, i int) error {
				text := worst(16_000) + fmt.Sprint(i)
				return c.ask(ctx, m.access, `mutation($i:ID!,$b:String!){editChatEntry(id:$i,body:$b){version}}`, map[string]any{"i": id, "b": text}, nil)
			})
		},
	},
	{
		name: "reactions that come and go",
		sent: "16 requests at once that react to entries of 16 KiB and take it back, in a session that 100 of one's subscriptions follow",
		why:  "64 bytes make everybody get 16 KiB",
		attack: func(ctx context.Context, a *assault) error {
			return change(ctx, a, func(ctx context.Context, c *client, m member, id string, i int) error {
				return c.ask(ctx, m.access, `mutation($i:ID!,$on:Boolean!){reactToChatEntry(id:$i,name:"x",on:$on){version}}`, map[string]any{"i": id, "on": i/16%2 == 0}, nil)
			})
		},
	},
	{
		name: "keys of changes",
		sent: "16 requests at once that react to one's own entries under a new key of 128 bytes each",
		why:  "each key is kept for seven days",
		attack: func(ctx context.Context, a *assault) error {
			return change(ctx, a, func(ctx context.Context, c *client, m member, id string, i int) error {
				return c.ask(ctx, m.access, `mutation($i:ID!,$n:String!,$k:ID){reactToChatEntry(id:$i,name:$n,idempotencyKey:$k){version}}`,
					map[string]any{"i": id, "n": fmt.Sprint(i % 32), "k": strings.Repeat("k", 108) + random(10)}, nil)
			})
		},
	},
	{
		name: "read marks with aliases", lasts: heavyLasts,
		sent: "markRead with 49 aliases of the last entry and of what is unread, in a session of deleted entries; 8 at once",
		why:  "each alias looked through all deleted entries: 11.7 s of 300,000",
		attack: func(ctx context.Context, a *assault) error {
			c, m, ids, err := fillAnswers(ctx, a, 200)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if err := c.patiently(ctx, m.access, `mutation($i:ID!){deleteChatEntry(id:$i){id}}`, map[string]any{"i": id}, nil); err != nil {
					return fmt.Errorf("delete: %w", err)
				}
			}
			a.prepared()
			mark := operation(`mutation($c:String!){markRead(upTo:$c){`+aliases("a", "lastEntry{id}", 25)+aliases("b", "unread", 20)+`}}`, map[string]any{"c": m.begin})
			each(8, func(int) { a.ask(ctx, c, m, mark, false) })
			return nil
		},
	},
	{
		name: "aliases of senders' data", lasts: heavyLasts,
		sent: "200 entries of a connection with 4,096 bytes of data that JSON makes six times as long, read with 45 aliases of that; 4 at once",
		why:  "an entry of one byte brings its sender's 4,096",
		attack: func(ctx context.Context, a *assault) error {
			c, m, err := a.join(ctx, 0, "attack", worst(4_096))
			if err != nil {
				return err
			}
			for range 200 {
				if err := c.patiently(ctx, m.access, addQuery, map[string]any{"c": m.id, "b": "x"}, nil); err != nil {
					return fmt.Errorf("fill the log: %w", err)
				}
			}
			a.prepared()
			return a.repeat(ctx, c, m, 4, false, `{chatEntries(first:200){nodes{connection{`+aliases("a", "data", 45)+`}}}}`)
		},
	},
	{
		name: "reactions of one's own, by subscription", lasts: heavyLasts,
		sent: "32 subscriptions of each of 20 connections to logEvents(after: \"0\") with myReactions, each in other words",
		why:  "what depends on its reader is executed for each reader, and reads the store",
		attack: func(ctx context.Context, a *assault) error {
			if _, _, _, err := fillAnswers(ctx, a, 100); err != nil {
				return err
			}
			a.prepared()
			each(a.n(20), func(int) {
				c, m, err := a.join(ctx, 0, "attack", "")
				if err != nil {
					return
				}
				s, err := c.socket(ctx, m.access)
				if err != nil {
					return
				}
				for i := range 32 {
					query := fmt.Sprintf(`subscription{logEvents(after:"0"){...on EntryAdded{entry{myReactions} b%d:cursor}}}`, i)
					if err := s.subscribe(fmt.Sprint(i), query, nil); err != nil {
						break
					}
				}
				a.received.Add(s.drain(ctx))
			})
			return nil
		},
	},
}

// fillAnswers makes a session with n entries of the worst texts, each the answer to the one before, and returns their ids.
func fillAnswers(ctx context.Context, a *assault, n int) (c *client, m member, ids []string, err error) {
	if c, m, err = a.join(ctx, 0, "attack", ""); err != nil {
		return nil, m, nil, err
	}
	const query = `mutation($c:ID!,$b:String!,$r:ID){addChatEntry(connectionId:$c,body:$b,replyTo:$r){id}}`
	for i := range n {
		variables := map[string]any{"c": m.id, "b": worst(16_384)}
		if i > 0 {
			variables["r"] = ids[i-1]
		}
		var answer struct{ AddChatEntry struct{ ID string } }
		if err := c.patiently(ctx, m.access, query, variables, &answer); err != nil {
			return nil, m, nil, fmt.Errorf("fill the log: %w", err)
		}
		ids = append(ids, answer.AddChatEntry.ID)
	}
	return c, m, ids, nil
}

// change repeats a change of 16 entries of 16 KiB that 100 subscriptions of the attacker follow.
func change(ctx context.Context, a *assault, do func(ctx context.Context, c *client, m member, id string, i int) error) error {
	c, m, ids, err := fillAnswers(ctx, a, 16)
	if err != nil {
		return err
	}
	s, err := c.socket(ctx, m.access)
	if err != nil {
		return err
	}
	for i := range a.n(100) {
		if err := s.subscribe(fmt.Sprint(i), `subscription{logEvents{...on EntryChanged{entry{body reactions{name count}}}}}`, nil); err != nil {
			return errors.Join(err, errors.New("the changes can't be followed"))
		}
	}
	a.prepared()
	go func() { a.received.Add(s.drain(ctx)) }()
	a.race(ctx, 16, 1_000_000, func(i int) error { return do(ctx, c, m, ids[i%len(ids)], i) })
	return nil
}
