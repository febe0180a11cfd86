package command

import (
	"context"
	"time"

	"culvert/panel/internal/hestia/registry"
	"culvert/panel/internal/hestia/shape"
	"culvert/panel/internal/hestia/trail"
)

// noticeCommands leave notes for a user (hestia-api.md §6.3).
type noticeCommands struct{ *core }

func (g noticeCommands) list() []registry.Command {
	return []registry.Command{
		{Name: "v-add-user-notification", Spec: "USER:user TOPIC:text NOTICE:value [TYPE:word] [PRIORITY:word]", Role: registry.Tenant, Traits: registry.Writes, Codes: []int{registry.ExitLimit}, Run: g.add, About: "leaves a notice for a user; NOTICE is HTML, of which plain markup stays"},
		{Name: "v-list-user-notifications", Spec: "USER:user [FORMAT:format=shell]", Role: registry.Tenant, Run: g.all, About: "lists a user's notices"},
		{Name: "v-acknowledge-user-notification", Spec: "USER:user NID:nid", Role: registry.Tenant, Traits: registry.Writes, Run: g.acknowledge, About: "marks a notice, or all, as read"},
		{Name: "v-delete-user-notification", Spec: "USER:user NID:nid", Role: registry.Tenant, Traits: registry.Writes, Run: g.remove, About: "removes a notice, or all"},
	}
}

func (k *core) notes() trail.Trail { return trail.Trail{DB: k.DB} }

func (g noticeCommands) add(ctx context.Context, c *registry.Call) error {
	about, err := logCommands(g).object(ctx, c)
	if err != nil {
		return err
	}
	return g.notes().AddNotice(ctx, c.Actor, about, trail.Notice{
		Topic: c.Str("TOPIC"), Text: c.Str("NOTICE"), Type: c.Str("TYPE"), Priority: c.Str("PRIORITY"),
	})
}

func (g noticeCommands) all(ctx context.Context, c *registry.Call) error {
	about, err := logCommands(g).object(ctx, c)
	if err != nil {
		return err
	}
	l, err := g.notes().Notices(ctx, c.Actor, about)
	if err != nil {
		return err
	}
	t := &shape.Table{KeyName: "NID"}
	for i := range l {
		n := &l[i]
		t.Rows = append(t.Rows, shape.Row{Key: count(n.NID), Fields: []shape.Field{
			shape.F("TOPIC", n.Topic), shape.F("NOTICE", n.Text), shape.F("TYPE", n.Type), shape.F("ACK", yesNo(n.Ack)),
			shape.F("PRIORITY", n.Priority), shape.F("TIME", n.At.UTC().Format(time.TimeOnly)), shape.F("DATE", n.At.UTC().Format(time.DateOnly)),
		}})
	}
	return c.Show(t)
}

func (g noticeCommands) acknowledge(ctx context.Context, c *registry.Call) error {
	return g.mark(ctx, c, trail.Acknowledge)
}

func (g noticeCommands) remove(ctx context.Context, c *registry.Call) error {
	return g.mark(ctx, c, trail.Remove)
}

func (g noticeCommands) mark(ctx context.Context, c *registry.Call, action string) error {
	about, err := logCommands(g).object(ctx, c)
	if err != nil {
		return err
	}
	return g.notes().MarkNotice(ctx, c.Actor, about, action, c.Str("NID"))
}
