package web

// adminPolicy is the admin page's Content-Security-Policy: scripts, styles and connections of this server only, no inline style
// either, and no conversion of strings to code or markup. It is the page's own, so that nothing which another page needs is allowed
// where the API secret is typed in.
const adminPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// adminPermissions is its Permissions-Policy: it needs none of these.
const adminPermissions = "camera=(), microphone=(), display-capture=(), autoplay=(), clipboard-read=(), fullscreen=(), geolocation=(), payment=(), usb=(), serial=(), hid=()"

const adminRoot = "admin/dist"

// addAdmin adds the admin page at /admin. No setting lets a site frame it, and no cache keeps it.
func (s site) addAdmin() {
	page := newFile("index.html", mustRead(adminFiles, adminRoot+"/index.html"), adminPolicy)
	page.permissions = adminPermissions
	page.unstored = true
	s["/admin"] = page
	s.addAssets(adminFiles, adminRoot, "admin/assets", adminPolicy)
}
