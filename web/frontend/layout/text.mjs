/**
 * How wide text is and where bpmn-js breaks it. bpmn-js wraps by guessing how many characters fit
 * and cutting one fewer; a label must be measured the same way, or its last line falls out.
 */
import { LABEL_FONT } from './measures.mjs';

/** Height of a line of a label; bpmn-js sets lines at 1.2 times the font. */
const LABEL_LINE = 14;

/** Width of a character in parts of the font size: CJK is square, Arial and its like are not. */
function charWidth(char) {
  if (char.codePointAt(0) > 0x2e7f) return 1;
  if (/[“”‘’—…·①-⑳]/u.test(char)) return 1;
  if (/[A-Z%&@mw]/.test(char)) return 0.83;
  return /[\s.,:;'!|()[\]ijlftr/-]/.test(char) ? 0.36 : 0.57;
}

/** @param {string} text @param {number} font size in pixels */
export function textWidth(text, font) {
  let width = 0;
  for (const char of text) width += charWidth(char) * font;
  return width;
}

/**
 * The lines that bpmn-js makes of a name.
 * @param {string} text
 * @param {number} font
 * @param {number} maxWidth
 * @returns {string[]}
 */
export function wrap(text, font, maxWidth) {
  const lines = [];
  for (let rest of text.split(/\r?\n/)) {
    do {
      const line = fitting(rest, font, maxWidth);
      lines.push(line);
      rest = rest.slice(line.length).trim();
    } while (rest);
  }
  return lines;
}

/** The beginning of `text` that goes on one line. */
function fitting(text, font, maxWidth) {
  let line = text;
  for (let width; line.length > 1 && (width = textWidth(line.trimEnd(), font)) > maxWidth;) {
    const room = Math.max(1, line.length * (maxWidth / width));
    line = cutAtBreak(line, room) || line.slice(0, Math.max(1, Math.round(room - 1)));
  }
  return line;
}

/** As many words as have fewer than `room` characters, spaces and hyphens counted. */
function cutAtBreak(line, room) {
  const parts = line.split(/(\s|-)/);
  if (parts.length === 1) return '';
  let kept = '';
  for (const part of parts) {
    if (kept.length + part.length >= room)
      return part === '-' ? kept.replace(/[^\s-]*$/, '') : kept;
    kept += part;
  }
  return kept;
}

/** A break inside a number or a Latin word reads badly. */
const splitsWord = (lines) =>
  lines.some((line, i) => i > 0 && /\w$/.test(lines[i - 1]) && /^\w/.test(line));

/**
 * The narrowest box in which a label takes no more lines than in one of `maxWidth`.
 * @param {string} text
 * @param {number} maxWidth
 * @returns {{w: number, h: number}}
 */
export function labelSize(text, maxWidth) {
  const count = wrap(text, LABEL_FONT, maxWidth).length;
  const least = Math.ceil(textWidth(text, LABEL_FONT) / count);
  let fallback = maxWidth;
  for (let width = Math.min(maxWidth, least); width <= maxWidth; width++) {
    const lines = wrap(text, LABEL_FONT, width);
    if (lines.length !== count) continue;
    if (!splitsWord(lines)) return { w: width, h: count * LABEL_LINE };
    fallback = Math.min(fallback, width);
  }
  return { w: fallback, h: count * LABEL_LINE };
}
