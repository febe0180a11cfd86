package profile

import (
	"fmt"
	"strings"

	"github.com/skip2/go-qrcode"

	"culvert/panel/internal/errs"
)

// maxQR is what a QR code holds at the lowest level of correction, in bytes.
const maxQR = 2953

func code(text string) (*qrcode.QRCode, error) {
	level := qrcode.Medium
	if len(text) > 1000 {
		level = qrcode.Low
	}
	if len(text) > maxQR {
		return nil, errs.New(errs.Limited, "this is too long for a QR code: %d bytes, a code holds %d", len(text), maxQR)
	}
	q, err := qrcode.New(text, level)
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "make QR code")
	}
	return q, nil
}

// QRPNG is a text as a QR code in PNG.
func QRPNG(text string) ([]byte, error) {
	q, err := code(text)
	if err != nil {
		return nil, err
	}
	return q.PNG(-6) // six pixels a module
}

// QRText is a text as a QR code in block characters, for terminals.
func QRText(text string) (string, error) {
	q, err := code(text)
	if err != nil {
		return "", err
	}
	return q.ToSmallString(false), nil
}

// QRSVG is a text as a QR code in SVG: one path of the dark modules, row by row.
func QRSVG(text string) (string, error) {
	q, err := code(text)
	if err != nil {
		return "", err
	}
	bits := q.Bitmap()
	var path strings.Builder
	for y, row := range bits {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="%s"/></svg>`, len(bits), len(bits), len(bits), len(bits), path.String()), nil
}
