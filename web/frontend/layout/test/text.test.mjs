import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelSize, textWidth, wrap } from '../text.mjs';

test('a name that fits stays on one line', () => {
  assert.deepEqual(wrap('登记信访事项', 12, 86), ['登记信访事项']);
});

test('a longer name breaks one character before it would fit, as in bpmn-js', () => {
  assert.deepEqual(wrap('制作不予受理告知书', 12, 86), ['制作不予受理', '告知书']);
});

test('words break at spaces and after hyphens, and between lines of their own', () => {
  assert.deepEqual(wrap('review the claim', 12, 60), ['review ', 'the claim']);
  assert.deepEqual(wrap('一\n二', 12, 86), ['一', '二']);
  assert.deepEqual(wrap('', 12, 86), ['']);
});

test('every character arrives, whatever the width', () => {
  const text = '自收到信访事项之日起15日内 review-board 决定是否受理';
  for (let width = 5; width < 200; width++) {
    assert.equal(wrap(text, 11, width).join('').replace(/\s/g, ''), text.replace(/\s/g, ''));
  }
});

test('a Chinese character is as wide as the font is high, a digit about half', () => {
  assert.equal(textWidth('受理', 12), 24);
  assert.ok(textWidth('15', 12) < 15);
});

test('a label box holds its text in the lines it was measured for', () => {
  const texts = ['满5个工作日', '批准延期30日', '是否属于信访渠道？', '自收到之日起60日内办结'];
  for (const text of texts) {
    for (const width of [34, 45, 56, 66, 84, 110]) {
      const { w, h } = labelSize(text, width);
      assert.ok(w <= width);
      assert.equal(wrap(text, 11, w).length * 14, h, `${text} in ${w}`);
    }
  }
});

test('a number is not torn apart where another width keeps it whole', () => {
  const { w } = labelSize('期满前15日提醒', 84);
  assert.ok(!wrap('期满前15日提醒', 11, w).some((line) => /1$/.test(line)));
});
