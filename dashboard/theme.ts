// Light, dark, or as the system has it; and the colours that canvases need as text.
import { signal } from '@preact/signals'
import type { Palette } from './draw-lanes.ts'

export const themes = ['auto', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]
const themeKey = 'gauntlet-theme'

const isTheme = (text: string | null): text is Theme => themes.some((theme) => theme === text)
const kept = localStorage.getItem(themeKey)
export const theme = signal<Theme>(isTheme(kept) ? kept : 'auto')
/** Counts up when colours have changed. */
export const colorsChanged = signal(0)

function apply(): void {
  document.documentElement.dataset.theme = theme.value
  colorsChanged.value += 1
}

export function setTheme(next: Theme): void {
  theme.value = next
  localStorage.setItem(themeKey, next)
  apply()
}

apply()
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', apply)

/** A CSS variable that names a colour, as the canvas understands it. */
export function colorOf(name: string): string {
  probe.style.color = `var(--${name})`
  return getComputedStyle(probe).color
}

const probe = document.createElement('span')
probe.hidden = true
document.body.append(probe)

export function lanePalette(): Palette {
  return {
    text: colorOf('text'),
    muted: colorOf('muted'),
    line: colorOf('line'),
    stripe: colorOf('stripe'),
    select: colorOf('accent'),
    open: colorOf('open'),
    committed: colorOf('committed'),
    aborted: colorOf('aborted'),
    unknown: colorOf('unknown'),
    unseen: colorOf('unseen'),
    fault: colorOf('fault'),
    faultArea: colorOf('fault-area'),
  }
}
