import { createTheme, type MantineColorsTuple, type MantineThemeOverride } from '@mantine/core'
import { filledShade, shadesOf } from '@/lib/color'

const font =
  "'Inter Variable', system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Malgun Gothic', sans-serif"

/** Surfaces of the dark scheme: a little blue, as the light one has. */
const dark = ['#e4e7eb', '#c3cad3', '#a3adba', '#79828f', '#3a414b', '#30363f', '#23282f', '#1a1d21', '#15181b', '#121417'] as const

/** themeOf is the one design: a reseller chooses its accent, nothing else. */
export function themeOf(accent: string): MantineThemeOverride {
  return createTheme({
    colors: { dark: [...dark] as unknown as MantineColorsTuple, accent: shadesOf(accent) as unknown as MantineColorsTuple },
    primaryColor: 'accent',
    primaryShade: { light: filledShade, dark: filledShade },
    fontFamily: font,
    fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', monospace",
    headings: { fontFamily: font, fontWeight: '650' },
    defaultRadius: 'md',
    cursorType: 'pointer',
    respectReducedMotion: true,
    focusRing: 'auto',
    components: {
      Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.4 }, transitionProps: { duration: 120 } } },
      Drawer: { defaultProps: { position: 'right', overlayProps: { backgroundOpacity: 0.18 }, transitionProps: { duration: 140 } } },
      Tooltip: { defaultProps: { withArrow: true, openDelay: 250, events: { hover: true, focus: true, touch: true } } },
      Select: { defaultProps: { checkIconPosition: 'right', allowDeselect: false } },
      Menu: { defaultProps: { shadow: 'md', position: 'bottom-end', withinPortal: true } },
      NumberInput: { defaultProps: { thousandSeparator: ' ', min: 0, allowNegative: false } },
      Tabs: { defaultProps: { keepMounted: false } },
    },
  })
}
