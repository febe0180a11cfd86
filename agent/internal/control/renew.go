package control

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"time"

	"culvert/shared/logging"
	"culvert/shared/nodeapi"
)

// renewer gets a fresh certificate in time.
type renewer struct {
	*core
	stream *stream
}

const (
	renewFirst   = time.Minute
	renewLongest = time.Hour
	renewCheck   = 6 * time.Hour // a timer of weeks would not notice that the clock was set
)

func newRenewer(c *core, s *stream) *renewer { return &renewer{core: c, stream: s} }

func (r *renewer) run(ctx context.Context) {
	b := newBackoff(renewFirst, renewLongest)
	for next := r.due(); ; {
		if next > 0 && !waitFor(ctx, min(next, renewCheck), nil) {
			return
		}
		if next = r.due(); next > 0 {
			continue
		}
		err := r.renew(ctx)
		if err == nil {
			b.reset()
			r.fault("certificate", "")
			next = r.due()
			continue
		}
		if ctx.Err() != nil {
			return
		}
		r.log.WarnContext(ctx, "certificate is not renewed yet", logging.KeyErr, err)
		r.fault("certificate", clip("certificate is not renewed: "+err.Error(), 200))
		next = b.pause()
	}
}

// due is how long the present certificate is good enough: until two thirds of its life, earlier by up to a twentieth, so
// that nodes enrolled together do not renew together.
func (r *renewer) due() time.Duration {
	leaf := r.cert.Load().Leaf
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	early := time.Duration(rand.Int64N(int64(life/20) + 1)) //nolint:gosec // jitter is no secret
	return time.Until(leaf.NotBefore.Add(life*2/3 - early))
}

func (r *renewer) renew(ctx context.Context) error {
	key, csr, err := newKey()
	if err != nil {
		return err
	}
	var out nodeapi.RenewResponse
	if err := r.api.post(ctx, nodeapi.PathRenew, nodeapi.RenewRequest{CSR: csr}, &out); err != nil {
		return err
	}
	fresh := *r.cfg.Identity
	fresh.Key, fresh.Certificate = key, out.Certificate
	pair, err := fresh.pair()
	if err != nil {
		return err
	}
	if err := r.check(pair); err != nil {
		return err
	}
	if err := fresh.save(r.cfg.Dir); err != nil {
		return err
	}
	*r.cfg.Identity = fresh
	r.cert.Store(pair)
	r.log.InfoContext(ctx, "certificate renewed", "until", pair.Leaf.NotAfter)
	poke(r.stream.renewed)
	return nil
}

func (r *renewer) check(pair *tls.Certificate) error {
	if pair.Leaf.Subject.CommonName != r.node {
		return fmt.Errorf("the panel answered with a certificate for %q", pair.Leaf.Subject.CommonName)
	}
	return nil
}
