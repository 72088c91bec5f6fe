// The script of a report: stretches the timeline, shows what lies under the pointer or the keyboard, copies commands.
// Plain JavaScript as text, since it runs in the reader's browser; the page is whole without it.
export const pageScript = `'use strict';
(function () {
  document.documentElement.classList.add('scripted');
  var tip = document.getElementById('tip');
  function words(element) {
    for (var at = element; at && at.tagName !== 'svg'; at = at.parentNode) {
      if (at.dataset && at.dataset.tip) return at.dataset.tip;
    }
    return '';
  }
  function show(text, x, y) {
    tip.textContent = text;
    tip.style.display = text ? 'block' : 'none';
    if (!text) return;
    var box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - box.width - 8)) + 'px';
    tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18) + 'px';
  }
  var timeline = document.getElementById('timeline');
  if (timeline) {
    // The browser's own tips come late and without lines.
    timeline.querySelectorAll('title').forEach(function (title) {
      title.parentNode.dataset.tip = title.textContent;
      title.remove();
    });
    timeline.setAttribute('tabindex', '0');
    var plot = Number(timeline.dataset.plot), scale = 1, shift = 0;
    var stretched = timeline.querySelector('.stretch');
    var moved = Array.from(timeline.querySelectorAll('[data-x]'));
    var hatch = document.getElementById('hatch');
    var draw = function () {
      shift = Math.min(0, Math.max(plot * (1 - scale), shift));
      stretched.setAttribute('transform', 'translate(' + shift + ' 0) scale(' + scale + ' 1)');
      hatch.setAttribute('patternTransform', 'scale(' + 1 / scale + ' 1) rotate(45)');
      moved.forEach(function (one) {
        one.setAttribute('transform', 'translate(' + (Number(one.dataset.x) * scale + shift) + ' 0)');
      });
    };
    var zoom = function (by, around) {
      var next = Math.min(400, Math.max(1, scale * by));
      shift = around - ((around - shift) * next) / scale;
      scale = next;
      draw();
    };
    var acts = {
      'in': function () { zoom(1.6, plot / 2); }, out: function () { zoom(1 / 1.6, plot / 2); },
      left: function () { shift += plot / 6; draw(); }, right: function () { shift -= plot / 6; draw(); },
      all: function () { scale = 1; shift = 0; draw(); },
      next: function () { step(1); }, before: function () { step(-1); }
    };
    var signs = Array.from(timeline.querySelectorAll('.sign')).sort(function (a, b) { return a.dataset.x - b.dataset.x; });
    var at = -1;
    var step = function (by) {
      if (signs.length === 0) return;
      at = (at + by + signs.length) % signs.length;
      var x = Number(signs[at].dataset.x);
      if (x * scale + shift < 0 || x * scale + shift > plot) { shift = plot / 2 - x * scale; draw(); }
      var box = signs[at].getBoundingClientRect();
      signs.forEach(function (one, index) { one.style.textDecoration = index === at ? 'underline' : ''; });
      show(signs[at].dataset.tip, box.left, box.top);
      document.getElementById('told').textContent = signs[at].dataset.tip;
    };
    var keys = { '+': 'in', '=': 'in', '-': 'out', ArrowLeft: 'left', ArrowRight: 'right', '0': 'all', n: 'next', p: 'before' };
    timeline.addEventListener('keydown', function (event) {
      var act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
      if (event.key === 'Escape') show('', 0, 0);
      if (act) { event.preventDefault(); acts[act](); }
    });
    timeline.addEventListener('blur', function () { show('', 0, 0); });
    document.querySelectorAll('[data-act]').forEach(function (button) {
      button.addEventListener('click', function () { acts[button.dataset.act](); });
    });
    var inPlot = function (event) {
      var box = timeline.getBoundingClientRect(), whole = timeline.viewBox.baseVal.width;
      return ((event.clientX - box.left) * whole) / box.width - (whole - plot);
    };
    timeline.addEventListener('wheel', function (event) {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.25 : 0.8, inPlot(event));
    }, { passive: false });
    var held;
    timeline.addEventListener('pointerdown', function (event) { held = { x: event.clientX, shift: shift }; });
    addEventListener('pointerup', function () { held = undefined; });
    timeline.addEventListener('pointermove', function (event) {
      if (held && scale > 1) { shift = held.shift + event.clientX - held.x; draw(); }
      show(words(event.target), event.clientX, event.clientY);
    });
    timeline.addEventListener('pointerleave', function () { show('', 0, 0); });
  }
  document.querySelectorAll('.copy').forEach(function (button) {
    button.addEventListener('click', function () {
      var text = document.getElementById(button.dataset.of).textContent;
      var said = function () { button.textContent = 'copied'; setTimeout(function () { button.textContent = 'copy'; }, 1500); };
      var area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      var done = document.execCommand('copy');
      area.remove();
      button.focus();
      if (done) said();
      else if (navigator.clipboard) navigator.clipboard.writeText(text).then(said);
    });
  });
  addEventListener('beforeprint', function () {
    document.querySelectorAll('details').forEach(function (one) { one.open = true; });
  });
})();`
