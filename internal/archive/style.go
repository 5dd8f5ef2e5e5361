package archive

import (
	"crypto/sha256"
	"encoding/base64"
)

// style is the page's. It names no colour but once for light and once for dark.
const style = `
:root { color-scheme: light dark; --text: #1b1d21; --quiet: #5b6068; --line: #d9dce1; --page: #ffffff; --card: #f4f5f7; --link: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e7e9ec; --quiet: #a4aab3; --line: #3a3f47; --page: #16181c; --card: #22262c; --link: #8ab4f8; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 48rem; padding: 1rem; background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
h1, h2 { line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
a { color: var(--link); }
ol { list-style: none; margin: 0; padding: 0; }
li { padding: .6rem 0; overflow-wrap: anywhere; }
li:target { background: var(--card); outline: .5rem solid var(--card); }
.by { font-weight: 600; }
.meta, .by + time, .gone { color: var(--quiet); font-size: .875rem; }
.text { margin: .1rem 0 0; white-space: pre-wrap; }
.data { margin: .3rem 0 0; padding: .4rem .6rem; background: var(--card); white-space: pre-wrap; font: .8125rem/1.5 ui-monospace, monospace; }
.gone { font-style: italic; margin: .1rem 0 0; }
.reactions { display: flex; flex-wrap: wrap; gap: .35rem; margin: .3rem 0 0; padding: 0; }
.reactions span { background: var(--card); border-radius: 1rem; padding: 0 .6rem; }
@media print { body { max-width: none; } li { break-inside: avoid; } }
`

// policy lets the page do nothing but be shown, in its own style: no script, no request, no frame, no form.
func policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}
