// Package archive makes files of an export that a server sends in pages: the lines of docs/export.md, each in its place, or a page for
// people that a browser shows without a server.
//
// Reading order: spool.go, merge.go, html.go, style.go.
package archive
