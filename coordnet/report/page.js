// The page of a report: the table of clusters, the selected cluster, the pictures.
// Everything from the data enters the page as text (textContent, JSON), never as markup.
(() => {
  "use strict";
  const byId = id => document.getElementById(id);
  const all = (query, inside = document) => [...inside.querySelectorAll(query)];
  const told = JSON.parse(byId("numbers").textContent);
  const table = byId("clusters");
  const rows = table ? all("tbody tr", table) : [];
  const rowOf = new Map(rows.map(row => [Number(row.dataset.cluster), row]));
  let selected = -1;
  let models = null;
  document.documentElement.classList.add("js");

  const number = (value, digits = 3) =>
    value === null ? "" : Math.abs(value) >= 100 || Number.isInteger(value)
      ? Math.round(value).toLocaleString("en-GB") : String(Number(value.toPrecision(digits)));
  const colour = cluster => told.colours[cluster % told.colours.length];
  const marker = cluster =>
    told.markers[Math.floor(cluster / told.colours.length) % told.markers.length];

  // -- the table -------------------------------------------------------------------------------

  function sort(header) {
    const headers = [...header.parentNode.children];
    const column = headers.indexOf(header);
    const names = !("value" in rows[0].children[column].dataset);
    // numbers begin with the largest, names with the first
    const [first, second] = names ? ["ascending", "descending"] : ["descending", "ascending"];
    const now = header.getAttribute("aria-sort") === first ? second : first;
    for (const other of headers) other.setAttribute("aria-sort", other === header ? now : "none");
    const key = row => {
      const cell = row.children[column];
      if (names) return cell.textContent;
      return cell.dataset.value === "" ? null : Number(cell.dataset.value);
    };
    const sign = now === "ascending" ? 1 : -1;
    rows.sort((a, b) => {
      const x = key(a), y = key(b);
      if (x !== y && (x === null || y === null)) return x === null ? 1 : -1;
      const order = x < y ? -1 : x > y ? 1 : 0;
      return sign * order || a.dataset.cluster - b.dataset.cluster;
    });
    rows[0].parentNode.append(...rows);
  }

  function keys(event) {
    const row = event.target.closest("tbody tr");
    if (!row) return;
    const at = rows.indexOf(row);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined && rows[to]) {
      focusOn(rows[to]);
    } else if (event.key === "Enter" || event.key === " ") {
      select(Number(row.dataset.cluster));
    } else if (to === undefined) {
      return;
    }
    event.preventDefault();
  }

  function focusOn(row) {
    for (const other of rows) other.tabIndex = -1;
    row.tabIndex = 0;
    row.focus();
  }

  // -- the selected cluster ----------------------------------------------------------------------

  function select(cluster, move = false) {
    if (!rowOf.has(cluster)) return;
    selected = cluster;
    for (const [number, row] of rowOf) {
      row.setAttribute("aria-selected", String(number === cluster));
      row.tabIndex = number === cluster ? 0 : -1;
    }
    if (move) rowOf.get(cluster).scrollIntoView({ block: "nearest" });
    for (const section of all(".cluster")) section.classList.remove("selected");
    const section = byId(`cluster-${cluster}`);
    if (section) {
      section.classList.add("selected");
      const pictures = byId("pictures");
      const side = section.querySelector(".side");
      if (pictures && side) side.prepend(pictures);
      if (pictures) pictures.hidden = !side;
      all("[data-words]", section).forEach(words => caption(words.dataset.words, words));
    }
    const link = document.createElement("a");
    link.href = `#cluster-${cluster}`;
    link.textContent = `Cluster ${cluster} is selected.`;
    byId("selected").replaceChildren(link);
    if (models) {
      show(cluster);
      network(cluster);
    }
  }

  function caption(name, words) {
    const figure = document.querySelector(`figure[data-picture="${name}"]`);
    if (!figure) return;
    figure.querySelector("figcaption").textContent = words.textContent;
    figure.querySelector(".picture").setAttribute("aria-label", words.textContent);
  }

  // -- pictures ------------------------------------------------------------------------------------

  const model = name => models.get_model_by_name(name);
  const put = (name, data) => { model(name).data = data; };

  function show(cluster) {
    const details = told.clusters[cluster];
    for (const name of ["timeline", "gaps", "creation", "scores"]) {
      const figure = document.querySelector(`figure[data-picture="${name}"]`);
      const there = Boolean(details && details[name]);
      figure.hidden = !there;
      if (!there) continue;
      ({ timeline: bars, creation: bars, gaps, scores })[name](name, details[name]);
      const numbers = figure.querySelector("details");
      numbers.lastElementChild.replaceChildren();
      if (numbers.open) numbersOf(name);
    }
  }

  const day = (time, step) => {
    const text = new Date(time).toISOString();
    return step >= 864e5 ? text.slice(0, 10) : `${text.slice(0, 16).replace("T", " ")} UTC`;
  };

  function bars(name, data) {
    const n = data.members.length;
    const left = data.members.map((_, i) => data.start + i * data.step);
    put(name, {
      left, right: left.map(x => x + 0.94 * data.step), members: data.members,
      together: data.together.length ? data.together : data.members.map(() => 0),
      expected: data.expected, told: left.map(x => day(x, data.step)),
    });
    put(`${name} others`, {
      x: [...left, data.start + n * data.step],
      y: [...data.expected, data.expected[n - 1] ?? 0],
    });
    const top = Math.max(...data.members, ...data.expected, 1);
    const figure = model(`${name} figure`);
    figure.y_range.end = 1.12 * top;
    figure.x_range.start = data.start;
    figure.x_range.end = data.start + n * data.step;
    if (name !== "timeline") return;
    const end = data.start + n * data.step;
    const seen = told.moments.map((m, i) => ({ ...m, number: String(i + 1) }))
      .filter(m => m.end >= data.start && m.start <= end);
    put("moments", {
      left: seen.map(m => m.start), right: seen.map(m => m.end),
      middle: seen.map(m => (m.start + m.end) / 2), number: seen.map(m => m.number),
      top: seen.map(() => 1.11 * top),
    });
  }

  function gaps(name, data) {
    const at = data.observed.map((_, i) => i);
    put("gaps", {
      at, left: at.map(i => i - 0.42), right: at.map(i => i + 0.42), observed: data.observed,
      expected: data.expected.map(x => x ?? NaN),
      colour: data.inside.map(inside => inside ? told.together : told.members),
      told: data.up_to.map((text, i) => gapName(data, i)),
    });
    const axis = model("gaps figure");
    axis.x_range.start = -0.6;
    axis.x_range.end = at.length - 0.4;
    axis.y_range.end = 1.08 * Math.max(...data.observed, ...data.expected.map(x => x ?? 0), 1);
    axis.below[0].ticker.ticks = at;
    axis.below[0].major_label_overrides = new Map(at.map(i => [i, data.up_to[i]]));
  }

  const gapName = (data, i) =>
    data.up_to[i] === "longer" ? `over ${data.up_to[i - 1] ?? "0s"}` : `up to ${data.up_to[i]}`;

  const LEAST = 1 / 64, MOST = 64;
  const within = x => Math.min(Math.max(x, LEAST), MOST);

  const scoresOf = data => data.map(
    ([kind, value, low, high, reference, others_low, others_high, q_value]) => {
      const [name, unit] = told.scores[kind];
      return { name, unit, value, low, high, reference, others_low, others_high, q_value };
    });

  function scores(name, data) {
    const seen = scoresOf(data).filter(row => row.reference > 0 && row.value >= 0).reverse();
    const over = (value, row) => value === null ? NaN : within(value / row.reference);
    const sure = row => row.q_value !== null && row.q_value <= 0.05;
    const x = seen.map(row => over(row.value, row));
    put("scores", {
      name: seen.map(row => plainName(row.name)), x,
      low: seen.map(row => over(row.low, row)), high: seen.map(row => over(row.high, row)),
      others_low: seen.map(row => over(row.others_low, row)),
      others_high: seen.map(row => over(row.others_high, row)),
      colour: seen.map(row => sure(row) ? told.together : "#ffffff"),
      told: seen.map(row => `${number(row.value)} ${row.unit}`),
      reference: seen.map(row => number(row.reference)),
      q: seen.map(row => row.q_value === null ? "none" : number(row.q_value)),
    });
    const figure = model("scores figure");
    figure.y_range.factors = seen.map(row => plainName(row.name));
    const far = Math.max(2, ...x.filter(Number.isFinite).map(v => Math.max(v, 1 / v)));
    figure.x_range.start = 1 / (1.3 * far);
    figure.x_range.end = 1.3 * far;
    figure.height = 90 + 21 * Math.max(seen.length, 2);
  }

  // BokehJS would take dollars for the marks of a formula
  const plainName = text => text.replaceAll("_", " ").replaceAll("$", "\u{ff04}")
    .replaceAll("\\", "\u{ff3c}").slice(0, 40);

  // -- the numbers behind a picture ---------------------------------------------------------------

  function numbersOf(name) {
    const data = told.clusters[selected]?.[name];
    const place = document.querySelector(`figure[data-picture="${name}"] details`).lastElementChild;
    if (!data || place.childElementCount) return;
    let head, lines;
    if (name === "gaps") {
      head = ["gap", "observed", "at others\u2019 pace"];
      lines = data.observed.map((n, i) => [gapName(data, i), number(n), number(data.expected[i])]);
    } else if (name === "scores") {
      head = ["score", "value", "from", "to", "reference", "others from", "others to", "q-value"];
      lines = scoresOf(data).map(r => [
        r.name.replaceAll("_", " ") + ` (${r.unit})`, number(r.value), number(r.low),
        number(r.high), number(r.reference), number(r.others_low), number(r.others_high),
        number(r.q_value),
      ]);
    } else {
      const together = data.together.length > 0;
      head = ["from", "members", ...(together ? ["together"] : []), "others, scaled"];
      lines = data.members.map((n, i) => [
        day(data.start + i * data.step, data.step), number(n),
        ...(together ? [number(data.together[i])] : []), number(data.expected[i]),
      ]);
    }
    const made = document.createElement("table");
    const row = (cells, tag) => {
      const line = document.createElement("tr");
      cells.forEach((text, i) => {
        const cell = document.createElement(tag);
        cell.textContent = text;
        if (i) cell.className = "n";
        line.append(cell);
      });
      return line;
    };
    made.createTHead().append(row(head, "th"));
    made.createTBody().append(...lines.map(line => row(line, "td")));
    place.replaceChildren(made);
  }

  // -- the network -----------------------------------------------------------------------------------

  const net = told.network;

  function lines(parts) {
    const x = [], y = [];
    for (const part of parts) {
      part.source.forEach((from, i) => {
        x.push(part.x[from], part.x[part.target[i]], NaN);
        y.push(part.y[from], part.y[part.target[i]], NaN);
      });
    }
    return { x, y };
  }

  function nodes(clusters) {
    const data = { x: [], y: [], colour: [], marker: [], size: [], account: [], cluster: [], degree: [] };
    for (const cluster of clusters) {
      const part = net.parts[cluster];
      if (!part) continue;
      const near = net.folded && seen !== whole;
      const size = near ? 7 : Math.max(2.5, Math.min(9, 0.9 * scale()));
      part.x.forEach((x, i) => {
        data.x.push(x);
        data.y.push(part.y[i]);
        data.colour.push(colour(cluster));
        data.marker.push(marker(cluster));
        data.size.push(size);
        data.account.push(part.account[i]);
        data.cluster.push(cluster);
        data.degree.push(part.degree[i]);
      });
    }
    return data;
  }

  function discs(cluster) {
    const every = net.x.map((_, i) => i);
    put("discs", {
      x: net.x, y: net.y, radius: net.radius, colour: every.map(colour),
      alpha: every.map(i => net.folded ? (i === cluster ? 0.12 : 0.75) : 0.1),
      line: every.map(i => i === cluster ? told.ink : colour(i)),
      width: every.map(i => i === cluster ? 3 : 1),
      cluster: every, accounts: told.sizes, edges: net.edges,
    });
    const named = every.filter(i => i === cluster || i < 12);
    put("names", {
      x: named.map(i => net.x[i]), y: named.map(i => net.y[i] + net.radius[i]),
      text: named.map(String),
    });
  }

  function network(cluster) {
    discs(cluster);
    const part = net.parts[cluster];
    put("own edges", part ? lines([part]) : { x: [], y: [] });
    if (net.folded) zoomTo(cluster);
  }

  function view(x, y, reach) {
    const figure = model("network figure");
    const box = byId("network").getBoundingClientRect();
    const wide = Math.max(box.width, 1) / Math.max(box.height, 1);
    const [across, up] = wide > 1 ? [reach * wide, reach] : [reach, reach / wide];
    figure.x_range.setv({ start: x - across, end: x + across });
    figure.y_range.setv({ start: y - up, end: y + up });
  }

  // Every account has the same room: a circle of radius one
  function scale() {
    const box = byId("network").getBoundingClientRect();
    return Math.min(box.width, box.height) / (2 * bounds().reach);
  }

  function bounds() {
    const far = f => Math.max(...net.x.map((_, i) => f(i)));
    const left = -far(i => net.radius[i] - net.x[i]), right = far(i => net.radius[i] + net.x[i]);
    const low = -far(i => net.radius[i] - net.y[i]), high = far(i => net.radius[i] + net.y[i]);
    return {
      x: (left + right) / 2, y: (low + high) / 2, reach: 0.54 * Math.max(right - left, high - low),
    };
  }

  // Where clusters are nodes, the accounts of the selected one stand in its place
  function opened() {
    if (net.folded) put("nodes", nodes([selected]));
  }

  let seen = whole;  // what the network shows, for when its place changes

  function zoomTo(cluster) {
    seen = () => zoomTo(selected);
    opened();
    view(net.x[cluster], net.y[cluster], 1.8 * net.radius[cluster] + 0.2);
  }

  function whole() {
    seen = whole;
    opened();
    const { x, y, reach } = bounds();
    view(x, y, reach);
  }

  function closer(factor) {
    const { x_range: x, y_range: y } = model("network figure");
    for (const range of [x, y]) {
      const middle = (range.start + range.end) / 2, half = (range.end - range.start) * factor / 2;
      range.setv({ start: middle - half, end: middle + half });
    }
  }

  function shift(dx, dy) {
    const { x_range: x, y_range: y } = model("network figure");
    for (const [range, by] of [[x, dx], [y, dy]]) {
      const step = by * (range.end - range.start) / 8;
      range.setv({ start: range.start + step, end: range.end + step });
    }
  }

  function tapped(name, clusterOf) {
    const source = model(name);
    source.selected.change.connect(() => {
      const [first] = source.selected.indices;
      if (first === undefined) return;
      const cluster = clusterOf(source, first);
      source.selected.indices = [];
      if (cluster !== selected) select(cluster, true);
    });
  }

  // WebGL that the processor has to imitate is slower than drawing without it
  function graphicsCard() {
    const asked = { failIfMajorPerformanceCaveat: true };
    const gl = document.createElement("canvas").getContext("webgl", asked);
    if (!gl) return false;
    let name = String(gl.getParameter(gl.RENDERER));
    if (name === "WebKit WebGL") {  // how some browsers hide it
      const info = gl.getExtension("WEBGL_debug_renderer_info");
      if (info) name = String(gl.getParameter(info.UNMASKED_RENDERER_WEBGL));
    }
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return !/swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
  }

  async function pictures() {
    if (!told.document) return;
    const roots = Object.fromEntries(
      Object.entries(told.roots).map(([name, id]) => [id, name === "network" ? "network" : `picture-${name}`])
    );
    const drawn = told.document.roots.find(root => root.id === told.roots.network);
    if (!graphicsCard()) drawn.attributes.output_backend = "canvas";
    await Bokeh.embed.embed_items(
      { report: told.document },
      [{ docid: "report", roots, root_ids: Object.values(told.roots) }]
    );
    models = Bokeh.documents[0];
    if (matchMedia("(pointer: coarse)").matches) model("network figure").toolbar.active_drag = null;
    if (!net.folded) {
      put("edges", lines(net.parts));
      put("nodes", nodes(net.parts.map((_, i) => i)));
    }
    const between = { x: [], y: [] };
    for (const [from, to] of net.between) {
      between.x.push(net.x[from], net.x[to], NaN);
      between.y.push(net.y[from], net.y[to], NaN);
    }
    put("between", between);
    whole();
    tapped("nodes", (source, i) => source.data.cluster[i]);
    tapped("discs", (_, i) => i);
    select(selected);
    whole();
    document.documentElement.dataset.ready = "yes";
  }

  // Canvases do not follow the width of paper: what is printed is a copy that does
  function printed() {
    for (const [name, id] of Object.entries(told.roots ?? {})) {
      const place = byId(name === "network" ? "network" : `picture-${name}`);
      all(".print", place).forEach(old => old.remove());
      const root = models?.roots().find(m => m.id === id);
      const seen = root && Bokeh.index.get_by_id?.(id);
      const shown = seen?.export?.("png", true);
      if (!shown?.canvas || !place.offsetParent) continue;
      const copy = document.createElement("div");
      copy.className = "print";
      copy.append(shown.canvas);
      place.append(copy);
    }
  }

  // -- begin --------------------------------------------------------------------------------------------

  if (table) {
    for (const header of all("thead th", table)) {
      header.querySelector("button").addEventListener("click", () => sort(header));
    }
    table.addEventListener("click", event => {
      const row = event.target.closest("tbody tr");
      if (!row) return;
      event.preventDefault();
      select(Number(row.dataset.cluster));
    });
    table.addEventListener("keydown", keys);
    byId("closer").addEventListener("click", () => closer(0.67));
    byId("farther").addEventListener("click", () => closer(1.5));
    byId("zoom").addEventListener("click", () => zoomTo(selected));
    byId("whole").addEventListener("click", whole);
    let wide = innerWidth;
    addEventListener("resize", () => {
      if (!models || innerWidth === wide) return;
      wide = innerWidth;
      seen();
    });
    byId("network").addEventListener("keydown", event => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (by) shift(...by);
      else if (event.key === "+") closer(0.67);
      else if (event.key === "-") closer(1.5);
      else if (event.key === "0") whole();
      else return;
      event.preventDefault();
    });
    for (const details of all("figure details")) {
      details.addEventListener("toggle", () =>
        numbersOf(details.closest("figure").dataset.picture));
    }
    addEventListener("beforeprint", printed);
    addEventListener("hashchange", () => {
      const asked = /^#cluster-(\d+)$/.exec(location.hash);
      if (asked) select(Number(asked[1]), true);
    });
    const asked = /^#cluster-(\d+)$/.exec(location.hash);
    select(asked && rowOf.has(Number(asked[1])) ? Number(asked[1]) : 0);
    pictures();
  } else {
    document.documentElement.dataset.ready = "yes";
  }
})();
