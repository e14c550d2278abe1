// The whole app: a router over the History API, and one function for each page.

const view = document.querySelector("main");

const element = (tag, text, attributes = {}) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.textContent = text;
  return made;
};

const link = (href, text) => element("a", text, { href });

const fetchJSON = async (path, options = {}) => {
  const response = await fetch(path, { headers: { Accept: "application/json", "Content-Type": "application/json" }, ...options });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail ?? body.title);
  return body;
};

const showPets = async () => {
  const list = document.createElement("ul");
  for (const pet of await fetchJSON("/api/pets")) {
    const item = document.createElement("li");
    item.append(link(`/pets/${pet.id}`, pet.name));
    list.append(item);
  }
  return [element("h1", "Pets"), list, link("/new", "Add a pet")];
};

const showPet = async (id) => {
  const pet = await fetchJSON(`/api/pets/${id}`);
  return [element("h1", pet.name), element("p", `${pet.name} is a ${pet.kind}.`), link("/", "All pets")];
};

const addPet = async () => {
  const form = document.createElement("form");
  form.innerHTML = '<label>Name <input name="name" required></label><label>Kind <input name="kind" required></label><button>Add</button>';
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = JSON.stringify(Object.fromEntries(new FormData(form)));
    const pet = await fetchJSON("/api/pets", { method: "POST", body });
    navigate(`/pets/${pet.id}`);
  });
  return [element("h1", "A new pet"), form, link("/", "All pets")];
};

const routes = [
  [/^\/$/, showPets],
  [/^\/new$/, addPet],
  [/^\/pets\/(\d+)$/, showPet],
];

const render = async () => {
  const path = location.pathname;
  for (const [pattern, page] of routes) {
    const found = pattern.exec(path);
    if (!found) continue;
    try {
      view.replaceChildren(...(await page(...found.slice(1))));
    } catch (error) {
      view.replaceChildren(element("h1", "Sorry"), element("p", error.message), link("/", "All pets"));
    }
    view.dataset.path = path;
    return;
  }
  view.replaceChildren(element("h1", "Nothing here"), element("p", path), link("/", "All pets"));
  view.dataset.path = path;
};

const navigate = (path) => {
  history.pushState(null, "", path);
  return render();
};

document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a");
  if (!anchor || anchor.origin !== location.origin || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  navigate(anchor.pathname);
});

addEventListener("popstate", render);
render();
