package web

import "embed"

// playgroundFiles is what `npm run build` in web/playground makes; `npm run check` says whether it is current. Its folders
// are the paths that browsers ask for: the page itself, and below playground/assets what it loads, gzip-compressed.
//
//go:embed all:playground/dist
var playgroundFiles embed.FS

// sdkFiles is what `npm run build` in web/sdk makes; `npm run check` there says whether it is current.
//
//go:embed sdk/dist
var sdkFiles embed.FS

//go:embed landing
var landingFiles embed.FS
