package web

import (
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/http"
)

// SDKRoot is the path of the SDK. Pages of every origin may load the files below it.
const SDKRoot = "/sdk/"

// sdkPolicy applies if an SDK file is opened as a document. A script that a page loads is subject to that page's policy.
const sdkPolicy = "default-src 'none'; frame-ancestors 'none'"

// integrityFile lists the files of the SDK with their hashes.
const integrityFile = "integrity.json"

// addSDK adds the SDK, the OpenTok-compatible script with its style sheet, their type declarations, and the list of their hashes.
// Their names do not contain a hash, so that pages can refer to them; browsers revalidate them by ETag. Below the server's
// version are the same files again.
func (s site) addSDK(version string) {
	files := make(map[string]file)
	addPublic(files, sdkFiles, "sdk/dist")
	addPublic(files, opentokFiles, "opentok/dist")
	files[integrityFile] = newPublic(integrityFile, integrities(version, files))
	for name, f := range files {
		s[SDKRoot+name] = f
		if version != "" {
			f.immutable = namesOneBuild(version)
			s[SDKRoot+version+"/"+name] = f
		}
	}
}

// addPublic adds the files of a folder, readable by pages of every origin.
func addPublic(to map[string]file, files embed.FS, root string) {
	entries, err := fs.ReadDir(files, root)
	if err != nil {
		panic("web: sdk: " + err.Error())
	}
	for _, entry := range entries {
		to[entry.Name()] = newPublic(entry.Name(), mustRead(files, root+"/"+entry.Name()))
	}
}

func newPublic(name string, content []byte) file {
	f := newFile(name, content, sdkPolicy)
	f.public = true
	f.packed = pack(f.content)
	return f
}

// integrities returns the hashes of files in the form of Subresource Integrity (W3C), as JSON.
func integrities(version string, files map[string]file) []byte {
	list := struct {
		Version string            `json:"version"`
		Files   map[string]string `json:"files"`
	}{version, make(map[string]string, len(files))}
	for name, f := range files {
		sum := sha512.Sum384(f.content)
		list.Files[name] = "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		panic("web: sdk: " + err.Error())
	}
	return append(text, '\n')
}

// allowAnyPage allows pages of every origin to load and read the response.
func allowAnyPage(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}
